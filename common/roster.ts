/** What a roster holds: it knows its place there. */
export interface Rostered {
  /** Kept by the roster alone; -1 outside of it. */
  seat: number;
}

/**
 * A set for members that come and go with every call. A `Set` would do, but for the collector: each time its table is full or
 * sparse V8 makes a new one, to which the old one points. An old one that has outlived a few collections thus keeps the next one
 * from being collected, with all that it held, and so on: a fifth of everything that calls allocate was copied and kept until the
 * next full collection.
 */
export class Roster<T extends Rostered> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /**
   * Not again for one that has a seat. A member can be in one roster only, and none is meant for two: a stream is its
   * connection's, a connection its destination's, an exchange its proxy's.
   */
  add(member: T): void {
    if (member.seat !== -1) return;
    member.seat = this.#members.length;
    this.#members.push(member);
  }

  /** Whether it was there. */
  delete(member: T): boolean {
    const { seat } = member;
    if (this.#members[seat] !== member) return false;
    member.seat = -1;
    const last = this.#members.pop();
    if (last === undefined || last === member) return true;
    last.seat = seat;
    this.#members[seat] = last;
    return true;
  }

  /** Empties it. */
  takeAll(): T[] {
    const members = this.#members.splice(0);
    for (const member of members) member.seat = -1;
    return members;
  }

  /** Those that are there now, without those that go meanwhile. In no order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const member of [...this.#members]) if (member.seat !== -1) yield member;
  }
}
