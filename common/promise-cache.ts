import { BoundedCache } from './bounded-cache.ts';

/** What is made once for each key, however many ask at once, and kept; what came to nothing is made anew for the next who asks. */
export class PromiseCache<K, V> {
  readonly #promises: BoundedCache<K, Promise<V>>;

  constructor(maxEntries: number) {
    this.#promises = new BoundedCache(maxEntries);
  }

  getOrMake(key: K, make: () => Promise<V>): Promise<V> {
    const known = this.#promises.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#promises.set(key, made);
    made.catch(() => {
      // It may be forgotten by now, and another be here.
      if (this.#promises.get(key) === made) this.#promises.delete(key);
    });
    return made;
  }

  /** Without a key: all. */
  forget(key?: K): void {
    if (key === undefined) this.#promises.clear();
    else this.#promises.delete(key);
  }
}
