interface PromiseCache<V> {
  get(key: string): Promise<V> | undefined;
  set(key: string, promise: Promise<V>): unknown;
  delete(key: string): unknown;
}

/** The promise that is held under this key, else the one that is made now, and held unless it fails. */
export function holdPromise<V>(cache: PromiseCache<V>, key: string, make: () => Promise<V>): Promise<V> {
  const held = cache.get(key);
  if (held !== undefined) return held;
  const made = make();
  cache.set(key, made);
  made.catch(() => {
    // Where it was dropped meanwhile, another may stand in its place.
    if (cache.get(key) === made) cache.delete(key);
  });
  return made;
}
