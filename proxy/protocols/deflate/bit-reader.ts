import type { HuffmanCode } from './huffman.ts';
import { InflateError } from './inflate-error.ts';

const NOTHING = Buffer.alloc(0);

/** Bits of bytes that arrive in pieces, least significant first (RFC 1951 section 3.1.1). */
export class BitReader {
  #input: Buffer = NOTHING;
  #at = 0;
  /** Up to 31 bits that were taken from the input and are not read. */
  #bits = 0;
  #count = 0;

  /** Whether every bit was read. */
  get isEmpty(): boolean {
    return this.#count === 0 && this.#at === this.#input.length;
  }

  /** Gives the next piece, once the one before was read to its end; it is not copied. */
  feed(bytes: Buffer): void {
    if (this.#at !== this.#input.length) throw new Error('the piece before is not read yet');
    this.#input = bytes;
    this.#at = 0;
  }

  /** The next bits, at most 16, or -1 while there are not as many. */
  read(count: number): number {
    while (this.#count < count) if (!this.#pull()) return -1;
    const value = this.#bits & ((1 << count) - 1);
    this.#drop(count);
    return value;
  }

  /** The next symbol, or -1 while its bits are not all here. @throws InflateError */
  decode({ table, maxBits }: HuffmanCode): number {
    const mask = table.length - 1;
    for (;;) {
      const entry = table[this.#bits & mask] as number;
      const length = entry & 15;
      if (length !== 0 && length <= this.#count) {
        this.#drop(length);
        return entry >> 4;
      }
      if (length === 0 && this.#count >= maxBits) throw new InflateError('invalid code');
      if (!this.#pull()) return -1;
    }
  }

  /** Drops what is left of the present byte. */
  align(): void {
    this.#drop(this.#count & 7);
  }

  /** Bytes behind the bits that were read, at an aligned place: up to `max`, none when there are none. */
  takeBytes(max: number): Buffer {
    if (this.#count > 0) return Buffer.from([this.read(8)]);
    const bytes = this.#input.subarray(this.#at, this.#at + max);
    this.#at += bytes.length;
    return bytes;
  }

  #pull(): boolean {
    if (this.#at === this.#input.length) return false;
    this.#bits |= (this.#input[this.#at] as number) << this.#count;
    this.#at += 1;
    this.#count += 8;
    return true;
  }

  #drop(count: number): void {
    this.#bits >>>= count;
    this.#count -= count;
  }
}
