/** Writers of base64 and hexadecimal break no shorter lines (60, 64, 72 and 76 are usual): other lines cost next to nothing. */
export const MIN_LINE_BYTES = 56;

/** Of longer ones the end is searched for natively. */
const USUAL_LINE_BYTES = 128;
const FAR_BYTES = 4096;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** 1: the byte stands in base64 (RFC 4648 sections 4 and 5) or in hexadecimal. */
const ENCODED = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_')) ENCODED[byte] = 1;

export function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

/** Whether the line ended before `at` already, by what is no half of CR LF. */
export function isEmptyLine(bytes: Uint8Array, at: number): boolean {
  if (!isLineEnd(bytes[at - 1] as number)) return false;
  return !(bytes[at - 1] === CARRIAGE_RETURN && bytes[at] === LINE_FEED);
}

/**
 * Where the first line in bytes[from, end) ends that has MIN_LINE_BYTES of encoded bytes at its end, of which the last `before`
 * stand ahead of `from`; `end` when none does. Of other text it reads a fraction.
 */
export function longLineEnd(bytes: Buffer, from: number, end: number, before: number): number {
  let start = from;
  let last = from + MIN_LINE_BYTES - before - 1;
  while (last < end) {
    let at = last;
    while (at >= start && ENCODED[bytes[at] as number] === 1) at -= 1;
    if (at < start) {
      const near = Math.min(end, last + USUAL_LINE_BYTES);
      at = last + 1;
      while (at < near && ENCODED[bytes[at] as number] === 1) at += 1;
      const isFar = at === near;
      if (isFar) at = nextLineEnd(bytes, at, end);
      if (isLineEnd(bytes[at] as number) && (!isFar || encodedBytesBefore(bytes, at, 0) === MIN_LINE_BYTES)) return at;
    }
    start = at + 1;
    last = at + MIN_LINE_BYTES;
  }
  return end;
}

/** Bit by bit: where lines end in one of the two alone, each search for the other would run to the end. */
function nextLineEnd(bytes: Buffer, from: number, end: number): number {
  for (let at = from; at < end; at += FAR_BYTES) {
    const part = bytes.subarray(at, Math.min(end, at + FAR_BYTES));
    const lineFeed = part.indexOf(LINE_FEED);
    const line = lineFeed === -1 ? part : part.subarray(0, lineFeed);
    const carriageReturn = line.indexOf(CARRIAGE_RETURN);
    if (carriageReturn !== -1) return at + carriageReturn;
    if (lineFeed !== -1) return at + lineFeed;
  }
  return end;
}

/** How many encoded bytes stand right before `end`, up to MIN_LINE_BYTES; `before`: as many stand ahead of the bytes. */
export function encodedBytesBefore(bytes: Uint8Array, end: number, before: number): number {
  for (let count = 0; count < MIN_LINE_BYTES; count += 1) {
    if (count === end) return Math.min(MIN_LINE_BYTES, count + before);
    if (ENCODED[bytes[end - count - 1] as number] === 0) return count;
  }
  return MIN_LINE_BYTES;
}
