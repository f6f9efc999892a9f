import { giveSlab, SLAB_BYTES, takeSlab } from './slabs.ts';

const FIRST_ROOM_BYTES = 1_024;
const NOTHING: Buffer = Buffer.alloc(0);

/** Copies of bytes that arrive in pieces of any size, kept together in memory that is used again: where there are many, in slabs. */
export class KeptBytes {
  #pieces: Buffer[] = [];
  /** The last of the pieces ends in it, at `#at`. */
  #room = NOTHING;
  #at = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Buffer): void {
    this.#length += bytes.length;
    for (let read = 0; read < bytes.length; ) {
      if (this.#at === this.#room.length) this.#makeRoom(bytes.length - read);
      const copied = bytes.copy(this.#room, this.#at, read);
      this.#at += copied;
      read += copied;
      this.#pieces[this.#pieces.length - 1] = this.#room.subarray(0, this.#at);
    }
  }

  /** All of it, in one buffer of its own; it stays kept. */
  whole(): Buffer {
    const only = this.#pieces[0];
    if (only !== undefined && this.#pieces.length === 1 && this.#room === NOTHING) return only;
    const whole = Buffer.concat(this.#pieces);
    this.clear();
    if (whole.length > 0) this.#pieces.push(whole);
    this.#length = whole.length;
    return whole;
  }

  /** Gives all of it, lent, and keeps it no more. */
  drain(give: (bytes: Buffer) => void): void {
    const pieces = this.#pieces;
    this.#empty();
    for (const piece of pieces) {
      give(piece);
      giveSlab(piece);
    }
  }

  clear(): void {
    for (const piece of this.#pieces) giveSlab(piece);
    this.#empty();
  }

  #empty(): void {
    this.#pieces = [];
    this.#room = NOTHING;
    this.#at = 0;
    this.#length = 0;
  }

  #makeRoom(wanted: number): void {
    const bytes = Math.max(FIRST_ROOM_BYTES, 2 * this.#room.length, wanted);
    this.#room = 2 * bytes >= SLAB_BYTES ? takeSlab() : Buffer.allocUnsafeSlow(bytes);
    this.#at = 0;
    this.#pieces.push(this.#room.subarray(0, 0));
  }
}
