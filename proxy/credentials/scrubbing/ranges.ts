import type { Findings } from './needle-set.ts';

/** Places in some bytes; used again and again, so that a search that finds nothing leaves nothing to collect. */
export class Ranges implements Findings {
  /** `[start, end, start, end ...]` */
  readonly #bounds: number[] = [];

  get isEmpty(): boolean {
    return this.#bounds.length === 0;
  }

  get count(): number {
    return this.#bounds.length / 2;
  }

  /** Without places. */
  cleared(): this {
    if (this.#bounds.length > 0) this.#bounds.length = 0;
    return this;
  }

  /** Adds a place; one that overlaps the last becomes part of it. */
  add(start: number, end: number): void {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    if (last > 0 && start >= (bounds[last - 1] ?? 0) && start <= (bounds[last] ?? 0)) {
      bounds[last] = Math.max(end, bounds[last] ?? 0);
    } else {
      bounds.push(start, end);
    }
  }

  /** With what several searches added sorted and merged. */
  ordered(): this {
    if (this.#bounds.length <= 2) return this;
    const pairs: [number, number][] = [];
    for (let at = 0; at < this.#bounds.length; at += 2) pairs.push([this.#bounds[at] ?? 0, this.#bounds[at + 1] ?? 0]);
    pairs.sort((a, b) => a[0] - b[0]);
    this.cleared();
    for (const [start, end] of pairs) this.add(start, end);
    return this;
  }

  /** Of the places that start before `limit`: how many there are, and where the last of them ends. */
  before(limit: number): { count: number; end: number } {
    let at = 0;
    while (at < this.#bounds.length && (this.#bounds[at] ?? 0) < limit) at += 2;
    return { count: at / 2, end: this.#bounds[at - 1] ?? 0 };
  }

  /** Overwrites what lies before `limit`. */
  fill(bytes: Buffer, byte: number, limit: number): void {
    for (let at = 0; at < this.#bounds.length; at += 2) {
      bytes.fill(byte, this.#bounds[at], Math.min(this.#bounds[at + 1] ?? 0, limit));
    }
  }
}
