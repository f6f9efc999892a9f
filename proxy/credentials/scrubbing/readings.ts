/** Where a needle goes on: with its character `next`, at `at` of the input. */
export interface Place {
  readonly next: number;
  readonly at: number;
}

/** More than any needle has: a head's limit of bytes, in UTF-32. */
const MAX_NEEDLE_BYTES = 2 ** 24;

/** The ways in which some input may be read that are still to be followed. No place is followed twice. */
export class Readings<P extends Place> {
  readonly #open: P[] = [];
  readonly #seen = new Set<number>();

  /** To follow from here alone. */
  restart(place: P): void {
    this.#open.length = 0;
    if (this.#seen.size > 0) this.#seen.clear();
    this.#open.push(place);
  }

  add(place: P): void {
    const before = this.#seen.size;
    if (this.#seen.add(place.at * MAX_NEEDLE_BYTES + place.next).size > before) this.#open.push(place);
  }

  next(): P | undefined {
    return this.#open.pop();
  }
}
