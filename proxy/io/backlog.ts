const ROOM_BYTES = 4_096;
const READ_BYTES = 65_536;

/**
 * What a stream was told that nobody takes yet: pieces of its body, and other events, in order. Pieces are copied, small
 * ones into one buffer, since a peer may cut its body into frames of one octet.
 */
export class Backlog<Event extends object> {
  #entries: (Buffer | Event)[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether such an event waits. */
  has(test: (event: Event) => boolean): boolean {
    return this.#entries.some((entry) => !Buffer.isBuffer(entry) && test(entry));
  }

  /** Keeps a copy. */
  addBody(bytes: Buffer): void {
    const { length } = this.#entries;
    const last = this.#entries[length - 1];
    const joined = Buffer.isBuffer(last) ? behind(last, bytes) : undefined;
    if (joined === undefined) this.#entries.push(withRoom(bytes));
    else this.#entries[length - 1] = joined;
  }

  add(event: Event): void {
    this.#entries.push(event);
  }

  /**
   * Gives what waits as long as it is wanted, and says so whenever about as much was given as one read of a socket brings: who is full
   * then wants no more.
   */
  drain(isWanted: () => boolean, give: (next: Buffer | Event) => void, given: () => void): void {
    let bytes = 0;
    while (isWanted()) {
      const next = this.#entries.shift();
      if (next === undefined) break;
      give(next);
      if (Buffer.isBuffer(next)) bytes += next.length;
      if (bytes < READ_BYTES) continue;
      bytes = 0;
      given();
    }
    given();
  }

  clear(): void {
    this.#entries = [];
  }
}

/** A copy in memory of its own, with room behind it when it is short. */
function withRoom(bytes: Buffer): Buffer {
  const room = Buffer.allocUnsafeSlow(Math.max(bytes.length, ROOM_BYTES));
  return room.subarray(0, bytes.copy(room));
}

/** Both together, when the second fits into the room behind the first. */
function behind(first: Buffer, second: Buffer): Buffer | undefined {
  const end = first.byteOffset + first.length;
  if (first.buffer.byteLength - end < second.length) return undefined;
  second.copy(Buffer.from(first.buffer, end));
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}
