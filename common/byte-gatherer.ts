import { LARGE_BYTES } from './slabs.ts';

const FIRST_ROOM_BYTES = 1_024;
const LAST_ROOM_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

/** Bytes that make up most of their memory, and enough of it to be kept as they are when nobody writes over them. */
export function isWorthKeeping(bytes: Buffer): boolean {
  return bytes.length >= LARGE_BYTES && 2 * bytes.length >= bytes.buffer.byteLength;
}

/**
 * Copies of bytes that arrive in pieces of any size, kept together in few buffers: a buffer for each of a million pieces of
 * one byte would cost a hundred times their size.
 */
export class ByteGatherer {
  /** Full ones, and the one that is being filled last. */
  #buffers: Buffer[] = [];
  /** How much of the last one is used. */
  #used = 0;
  #length = 0;

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Buffers in which they are. */
  get count(): number {
    return this.#buffers.length;
  }

  add(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length) {
      const last = this.#buffers.at(-1);
      if (last === undefined || this.#used === last.length) {
        const room = last === undefined ? FIRST_ROOM_BYTES : Math.min(LAST_ROOM_BYTES, 2 * last.length);
        this.#buffers.push(Buffer.allocUnsafeSlow(Math.max(room, bytes.length - from)));
        this.#used = 0;
        continue;
      }
      const copied = bytes.copy(last, this.#used, from);
      this.#used += copied;
      this.#length += copied;
      from += copied;
    }
  }

  /** The same for bytes that nobody writes over, so that large ones need no copy. */
  keep(bytes: Buffer): void {
    if (!isWorthKeeping(bytes)) return this.add(bytes);
    const last = this.#buffers.pop();
    if (last !== undefined) this.#buffers.push(last.subarray(0, this.#used));
    this.#buffers.push(bytes);
    this.#used = bytes.length;
    this.#length += bytes.length;
  }

  /** All of it, in one buffer; it stays held. */
  whole(): Buffer {
    const all = this.takeAll();
    const [first = NOTHING] = all;
    const whole = all.length < 2 ? first : Buffer.concat(all);
    if (whole.length > 0) this.#buffers.push(whole);
    this.#used = whole.length;
    this.#length = whole.length;
    return whole;
  }

  /** The first buffer of it, which is held no more. */
  shift(): Buffer | undefined {
    const first = this.#buffers.shift();
    if (first === undefined) return undefined;
    const bytes = this.#buffers.length === 0 ? first.subarray(0, this.#used) : first;
    this.#length -= bytes.length;
    return bytes;
  }

  /** All of it, which is held no more. */
  takeAll(): Buffer[] {
    const all: Buffer[] = [];
    for (let bytes = this.shift(); bytes !== undefined; bytes = this.shift()) all.push(bytes);
    return all;
  }
}
