import type { SqlStore } from './sql-store.ts';

/**
 * The same store, with so many transactions of one tenant at most at work in it: its others wait outside, in their order. They would
 * hold, or wait for, the connections that those of other tenants need, mostly for locks of their own tenant.
 */
export function shareAmongTenants(store: SqlStore, maxEach: number): SqlStore {
  const shares = new TenantShares(maxEach);
  return { ...store, transaction: (tenant, run) => shares.run(tenant, () => store.transaction(tenant, run)) };
}

/** Runs so many tasks of each tenant at once. */
export class TenantShares {
  readonly #maxEach: number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(maxEach: number) {
    this.#maxEach = maxEach;
  }

  async run<T>(tenant: string, task: () => Promise<T>): Promise<T> {
    await this.enter(tenant);
    try {
      return await task();
    } finally {
      this.leave(tenant);
    }
  }

  /** Resolves in the tenant's turn, which lasts until `leave`. */
  async enter(tenant: string): Promise<void> {
    const running = this.#running.get(tenant) ?? 0;
    if (running < this.#maxEach) return void this.#running.set(tenant, running + 1);
    await new Promise<void>((begin) => {
      const waiting = this.#waiting.get(tenant) ?? [];
      waiting.push(begin);
      this.#waiting.set(tenant, waiting);
    });
  }

  leave(tenant: string): void {
    const waiting = this.#waiting.get(tenant);
    const begin = waiting?.shift();
    // Who waited takes the place of who leaves.
    if (begin !== undefined) return begin();
    this.#waiting.delete(tenant);
    const running = (this.#running.get(tenant) ?? 0) - 1;
    if (running > 0) this.#running.set(tenant, running);
    else this.#running.delete(tenant);
  }
}
