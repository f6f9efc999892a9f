/**
 * The UTF-8 bytes of a character (RFC 3629 section 3) in one number, the first in the highest place: 0xc3bc for "ü"; -1 for what is
 * no character. A number below 0x100 is that one byte.
 */
export function utf8Word(codePoint: number): number {
  if (codePoint < 0x80) return codePoint;
  const last = 0x80 | (codePoint & 0x3f);
  if (codePoint < 0x800) return ((0xc0 | (codePoint >> 6)) << 8) | last;
  const third = 0x80 | ((codePoint >> 6) & 0x3f);
  if (codePoint < 0x10000) {
    if (isSurrogate(codePoint)) return -1;
    return ((0xe0 | (codePoint >> 12)) << 16) | (third << 8) | last;
  }
  if (codePoint > 0x10ffff) return -1;
  const second = 0x80 | ((codePoint >> 12) & 0x3f);
  return (((0xf0 | (codePoint >> 18)) << 24) | (second << 16) | (third << 8) | last) >>> 0;
}

/** The first byte of a word. */
export function leadOf(word: number): number {
  if (word < 0x100) return word;
  return word < 0x10000 ? word >>> 8 : word < 0x1000000 ? word >>> 16 : word >>> 24;
}

/** How many bytes the word has if they stand at `at`, else 0. */
export function bytesOfWordAt(word: number, bytes: Uint8Array, at: number): number {
  if (word < 0x100) return bytes[at] === word ? 1 : 0;
  const count = word < 0x10000 ? 2 : word < 0x1000000 ? 3 : 4;
  for (let index = 0; index < count; index += 1) {
    if (bytes[at + index] !== ((word >>> (8 * (count - 1 - index))) & 0xff)) return 0;
  }
  return count;
}

function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}
