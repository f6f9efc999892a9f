/** What one tick gives back: a second of ordinary keep-alive pings and cancelled calls. */
const TICK_SHARE = 0.02;

/**
 * How many costly things a peer may still do. Useful things and time earn it back, so that a flood runs out of it and
 * a long life does not.
 */
export class Allowance {
  readonly #full: number;
  #left: number;

  constructor(full: number) {
    this.#full = full;
    this.#left = full;
  }

  /** Takes one; false if none was left. */
  spend(): boolean {
    this.#left -= 1;
    return this.#left >= 0;
  }

  earn(count: number): void {
    this.#left = Math.min(this.#full, this.#left + count);
  }

  tick(): void {
    this.earn(this.#full * TICK_SHARE);
  }
}
