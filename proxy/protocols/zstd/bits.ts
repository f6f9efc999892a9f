import { ZstdError } from './zstd-error.ts';

/** `count` bits (at most 16) of which the lowest is bit `at` of `bytes`, least significant first; outside of `bytes` they are 0. */
export function bitsAt(bytes: Uint8Array, at: number, count: number): number {
  if (at < 0) return count + at <= 0 ? 0 : bitsAt(bytes, 0, count + at) << -at;
  const byte = at >> 3;
  const three = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
  return (three >> (at & 7)) & ((1 << count) - 1);
}

/** Reads from the end of a stream to its beginning, as entropy-coded ones are read (RFC 8878 4.1). */
export class BackwardBits {
  readonly bytes: Uint8Array;
  /** Bits that are left; below 0 when more were read than there are, of which those are 0. */
  left: number;

  /** The last byte's highest set bit marks the end (RFC 8878 4.1.2). @throws ZstdError */
  constructor(bytes: Uint8Array) {
    const last = bytes[bytes.length - 1] ?? 0;
    if (last === 0) throw new ZstdError('a stream of bits without an end');
    this.bytes = bytes;
    this.left = bytes.length * 8 - 8 + (31 - Math.clz32(last));
  }

  /** At most 31 bits. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return high * 65_536 + this.read(16);
    }
    this.left -= count;
    return bitsAt(this.bytes, this.left, count);
  }
}
