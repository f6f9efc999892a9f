import type { Clock } from '../../common/clock.ts';

interface Bucket {
  readonly expiresById: Map<string, number>;
}

/**
 * Remembers what was used until it would be refused for its age anyway. It never forgets early to make room: when full it
 * answers `full`, so that a flood cannot wash out an id that is then replayed. One key cannot fill it for the others.
 */
export class ReplayGuard {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;
  readonly #maxEntries: number;
  readonly #maxPerKey: number;
  #size = 0;
  #sweptAt = 0;

  constructor(clock: Clock, maxEntries: number, maxPerKey: number) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
    this.#maxPerKey = maxPerKey;
  }

  get size(): number {
    return this.#size;
  }

  /** True when the id was used for this key and is still remembered. */
  has(key: string, id: string): boolean {
    return (this.#buckets.get(key)?.expiresById.get(id) ?? 0) >= this.#clock.now();
  }

  /** Takes the id for this key until `expires` (milliseconds since the epoch). */
  use(key: string, id: string, expires: number): 'fresh' | 'replayed' | 'full' {
    const now = this.#clock.now();
    let bucket = this.#buckets.get(key);
    if ((bucket?.expiresById.get(id) ?? 0) >= now) return 'replayed';
    if (this.#size >= this.#maxEntries || (bucket?.expiresById.size ?? 0) >= this.#maxPerKey) {
      this.#sweep(now);
      bucket = this.#buckets.get(key);
      if (this.#size >= this.#maxEntries || (bucket?.expiresById.size ?? 0) >= this.#maxPerKey) return 'full';
    }
    if (bucket === undefined) {
      bucket = { expiresById: new Map() };
      this.#buckets.set(key, bucket);
    }
    if (!bucket.expiresById.has(id)) this.#size += 1;
    bucket.expiresById.set(id, expires);
    return 'fresh';
  }

  /** Linear, so at most once a second: a full guard under flood must stay cheap. */
  #sweep(now: number): void {
    if (now - this.#sweptAt < 1000) return;
    this.#sweptAt = now;
    for (const [key, { expiresById }] of this.#buckets) {
      for (const [id, expires] of expiresById) {
        if (expires < now && expiresById.delete(id)) this.#size -= 1;
      }
      if (expiresById.size === 0) this.#buckets.delete(key);
    }
  }
}
