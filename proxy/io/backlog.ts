import { giveSlab, LARGE_BYTES, SLAB_BYTES, takeSlab } from '../../common/slabs.ts';

const READ_BYTES = 65_536;

/**
 * What a stream was told that nobody takes yet: pieces of its body, and other events, in order. Small pieces are copied into one
 * buffer, since a peer may cut its body into frames of one octet.
 * Bodies are lent on both sides: their bytes may be written over when they were added, and are once it was said that they were given.
 */
export class Backlog<Event extends object> {
  #entries: (Buffer | Event)[] = [];
  /** The last copy, with room behind it. */
  #open: Buffer | undefined;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether such an event waits. */
  has(test: (event: Event) => boolean): boolean {
    return this.#entries.some((entry) => !Buffer.isBuffer(entry) && test(entry));
  }

  addBody(bytes: Buffer): void {
    const last = this.#entries.length - 1;
    const isLast = this.#open !== undefined && this.#entries[last] === this.#open;
    // What is lent goes back as a whole, so that nothing may stand in it that is given on its own.
    const copy = isLast && this.#open !== undefined ? copyBehind(this.#open, bytes) : undefined;
    if (this.#open !== undefined && copy !== undefined) {
      this.#open = joined(this.#open, copy);
      this.#entries[last] = this.#open;
      return;
    }
    this.#open = copyOf(bytes);
    this.#entries.push(this.#open);
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
    const lent: Buffer[] = [];
    const say = (): void => {
      given();
      for (const piece of lent.splice(0)) giveSlab(piece);
      bytes = 0;
    };
    while (isWanted()) {
      const next = this.#entries.shift();
      if (next === undefined) break;
      give(next);
      if (!Buffer.isBuffer(next)) continue;
      lent.push(next);
      bytes += next.length;
      if (bytes >= READ_BYTES) say();
    }
    say();
  }

  clear(): void {
    this.#entries = [];
    this.#open = undefined;
  }
}

/** With room behind it. */
function copyOf(bytes: Buffer): Buffer {
  const isSlab = bytes.length >= LARGE_BYTES && bytes.length <= SLAB_BYTES;
  const room = isSlab ? takeSlab() : Buffer.allocUnsafeSlow(Math.max(bytes.length, LARGE_BYTES));
  return room.subarray(0, bytes.copy(room));
}

/** Copies bytes into the room behind others; undefined when there is too little. */
function copyBehind(first: Buffer, bytes: Buffer): Buffer | undefined {
  const end = first.byteOffset + first.length;
  if (first.buffer.byteLength - end < bytes.length) return undefined;
  const room = Buffer.from(first.buffer, end);
  return room.subarray(0, bytes.copy(room));
}

/** Both, of which one stands behind the other in the same memory. */
function joined(first: Buffer, second: Buffer): Buffer {
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}
