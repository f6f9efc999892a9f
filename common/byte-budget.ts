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

  /** The same for what can be done without: it leaves half to others. */
  takeSpare(bytes: number): boolean {
    return (this.#used + bytes) * 2 <= this.#maxBytes && this.take(bytes);
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
