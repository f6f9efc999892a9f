const MOST_DOUBLINGS = 30;

/** Waits between attempts: random between zero and a bound that doubles, so that proxies do not come back in step. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(minMs: number, maxMs: number, random: () => number = Math.random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Counts a failure and gives the wait before the next attempt, in milliseconds. */
  nextMs(): number {
    const bound = Math.min(this.#maxMs, this.#minMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, MOST_DOUBLINGS);
    // "Full jitter", but never less than a tenth of the least bound: a tight loop helps nobody.
    return Math.max(this.#minMs / 10, Math.round(this.#random() * bound));
  }

  /** The next wait is among the longest: whoever has too much to do is left alone from the start. */
  lengthen(): void {
    this.#failures = MOST_DOUBLINGS;
  }

  reset(): void {
    this.#failures = 0;
  }
}
