/**
 * Streams by identifier. A `Map` would do, but for the collector, as `common/roster.ts` says of sets. Identifiers mostly grow, so
 * that one more goes to the end and the others are found by halving.
 */
export class StreamMap<T> {
  readonly #ids: number[] = [];
  readonly #streams: T[] = [];

  get size(): number {
    return this.#ids.length;
  }

  get(id: number): T | undefined {
    const at = this.#placeOf(id);
    return this.#ids[at] === id ? this.#streams[at] : undefined;
  }

  set(id: number, stream: T): void {
    const at = this.#placeOf(id);
    if (at === this.#ids.length) {
      this.#ids.push(id);
      this.#streams.push(stream);
    } else if (this.#ids[at] === id) this.#streams[at] = stream;
    else {
      this.#ids.splice(at, 0, id);
      this.#streams.splice(at, 0, stream);
    }
  }

  /** Whether it was there. */
  delete(id: number): boolean {
    const at = this.#placeOf(id);
    if (this.#ids[at] !== id) return false;
    this.#ids.splice(at, 1);
    this.#streams.splice(at, 1);
    return true;
  }

  clear(): void {
    this.#ids.length = 0;
    this.#streams.length = 0;
  }

  /** Those that are there now, by identifier. */
  values(): T[] {
    return [...this.#streams];
  }

  /** Where this identifier is, or belongs. */
  #placeOf(id: number): number {
    const ids = this.#ids;
    let from = 0;
    let to = ids.length;
    if (to > 0 && (ids[to - 1] ?? 0) < id) return to;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((ids[middle] ?? 0) < id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
