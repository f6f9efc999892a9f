/** Runs so many tasks of each party at once; its others wait, in their order, and nobody waits for another party. */
export class Shares {
  readonly #maxEach: number;
  readonly #running = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(maxEach: number) {
    this.#maxEach = maxEach;
  }

  /** How many wait. */
  get waiting(): number {
    let sum = 0;
    for (const { length } of this.#waiting.values()) sum += length;
    return sum;
  }

  /** Throws what the task throws, and what `enter` does. */
  async run<T>(party: string, task: () => Promise<T>, patience?: Patience): Promise<T> {
    await this.enter(party, patience);
    try {
      return await task();
    } finally {
      this.leave(party);
    }
  }

  /** Resolves in the party's turn, which lasts until `leave`. Throws when patience ends. */
  async enter(party: string, patience?: Patience): Promise<void> {
    const running = this.#running.get(party) ?? 0;
    if (running < this.#maxEach) return void this.#running.set(party, running + 1);
    await new Promise<void>((resolve, reject) => {
      const queue = this.#waiting.get(party) ?? [];
      this.#waiting.set(party, queue);
      const timer =
        patience &&
        setTimeout(() => {
          queue.splice(queue.indexOf(begin), 1);
          if (queue.length === 0) this.#waiting.delete(party);
          reject(patience.refusal());
        }, patience.ms);
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      queue.push(begin);
    });
  }

  leave(party: string): void {
    const queue = this.#waiting.get(party);
    const begin = queue?.shift();
    if (queue?.length === 0) this.#waiting.delete(party);
    // Who waited takes the place of who leaves.
    if (begin !== undefined) return begin();
    const running = (this.#running.get(party) ?? 0) - 1;
    if (running > 0) this.#running.set(party, running);
    else this.#running.delete(party);
  }
}

/** For how long somebody waits, and what he is told then. */
export interface Patience {
  readonly ms: number;
  readonly refusal: () => Error;
}
