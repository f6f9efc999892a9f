/** The share of what is left that one taker may have. */
const SPARE_PARTS = 8;

/** Octets that many holders may hold together. Whoever gets some gives them back, once each. */
export class ByteBudget {
  readonly #maxBytes: number;
  #used = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing is taken, when there is not so much left. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#maxBytes) return false;
    this.#used += bytes;
    return true;
  }

  /** The same for what can be done without: it leaves half to others, and takes little of the rest, the less the fuller it is. */
  takeSpare(bytes: number): boolean {
    return bytes * SPARE_PARTS <= this.#maxBytes / 2 - this.#used && this.take(bytes);
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
