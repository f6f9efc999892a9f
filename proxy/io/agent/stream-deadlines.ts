/** HTTP/2 streams and until when each may stay open (by the monotonic clock). All get the same time: the first is due first. */
export class StreamDeadlines {
  readonly #until = new Map<number, number>();

  get size(): number {
    return this.#until.size;
  }

  get ids(): IterableIterator<number> {
    return this.#until.keys();
  }

  /** When the first is due. */
  get next(): number {
    for (const until of this.#until.values()) return until;
    return Number.POSITIVE_INFINITY;
  }

  has(id: number): boolean {
    return this.#until.has(id);
  }

  add(id: number, until: number): void {
    this.#until.set(id, until);
  }

  delete(id: number): void {
    this.#until.delete(id);
  }

  clear(): void {
    this.#until.clear();
  }

  /** Those that are due, which it holds no longer. */
  takeDue(now: number): number[] {
    const due: number[] = [];
    for (const [id, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(id);
      due.push(id);
    }
    return due;
  }
}
