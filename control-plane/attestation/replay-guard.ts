import type { Clock } from '../../common/clock.ts';

/** What was used with one key. */
interface Bucket {
  /** Who used the key first; it counts for them. */
  readonly tenant: string;
  readonly expiresById: Map<string, number>;
}

/**
 * Remembers what was used until it would be refused for its age anyway. It never forgets early to make room: when full it
 * answers `full`, so that a flood cannot wash out an id that is then replayed. One key cannot fill it for the others, nor one
 * tenant: a full guard still takes what a tenant uses that has less than its even share, so that it holds up to twice as much.
 */
export class ReplayGuard {
  /** By key, whoever uses it: a proof used for one tenant is none for another. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #sizeByTenant = new Map<string, number>();
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

  /** Takes the id for this key, which the tenant uses, until `expires` (milliseconds since the epoch). */
  use(tenant: string, key: string, id: string, expires: number): 'fresh' | 'replayed' | 'full' {
    const now = this.#clock.now();
    if (this.has(key, id)) return 'replayed';
    if (this.#isFull(tenant, key)) {
      this.#sweep(now);
      if (this.#isFull(tenant, key)) return 'full';
    }
    const bucket = this.#buckets.get(key) ?? { tenant, expiresById: new Map<string, number>() };
    this.#buckets.set(key, bucket);
    if (!bucket.expiresById.has(id)) this.#count(bucket.tenant, 1);
    bucket.expiresById.set(id, expires);
    return 'fresh';
  }

  #isFull(tenant: string, key: string): boolean {
    const bucket = this.#buckets.get(key);
    if ((bucket?.expiresById.size ?? 0) >= this.#maxPerKey) return true;
    if (this.#size < this.#maxEntries) return false;
    const used = this.#sizeByTenant.get(bucket?.tenant ?? tenant) ?? 0;
    return used >= this.#maxEntries / this.#sizeByTenant.size || this.#size >= 2 * this.#maxEntries;
  }

  #count(tenant: string, more: number): void {
    this.#size += more;
    const size = (this.#sizeByTenant.get(tenant) ?? 0) + more;
    if (size === 0) this.#sizeByTenant.delete(tenant);
    else this.#sizeByTenant.set(tenant, size);
  }

  /** Linear, so at most once a second: a full guard under flood must stay cheap. */
  #sweep(now: number): void {
    // Or when the clock was set back: it could take years to be there again.
    if (Math.abs(now - this.#sweptAt) < 1000) return;
    this.#sweptAt = now;
    for (const [key, { tenant, expiresById }] of this.#buckets) {
      for (const [id, expires] of expiresById) {
        if (expires < now && expiresById.delete(id)) this.#count(tenant, -1);
      }
      if (expiresById.size === 0) this.#buckets.delete(key);
    }
  }
}
