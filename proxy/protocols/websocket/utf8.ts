import { isUtf8 } from 'node:buffer';

const EMPTY = Buffer.alloc(0);
const STAR = 0x2a;

/** How many bytes a character has that begins with this one; 1 also for bytes that begin none. */
function characterLength(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}

/** Where a character begins that `end` cuts; `end` when none is cut. */
function wholeCharactersEnd(bytes: Buffer, end: number): number {
  for (let back = 1; back <= 3 && back <= end; back += 1) {
    const byte = bytes[end - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return characterLength(byte) > back ? end - back : end;
  }
  return end;
}

/** Checks text whose characters may be cut (RFC 6455 section 8.1). It keeps no more than a part of one character. */
export class Utf8Check {
  #cut: Buffer = EMPTY;

  /** Whether the text so far is valid; at its last piece, whether the whole text is. */
  accepts(piece: Buffer, isLast: boolean): boolean {
    let start = 0;
    if (this.#cut.length > 0) {
      start = Math.min(piece.length, characterLength(this.#cut[0] ?? 0) - this.#cut.length);
      this.#cut = Buffer.concat([this.#cut, piece.subarray(0, start)]);
      if (this.#cut.length < characterLength(this.#cut[0] ?? 0)) return !isLast;
      if (!isUtf8(this.#cut)) return false;
      this.#cut = EMPTY;
    }
    const rest = start === 0 ? piece : piece.subarray(start);
    const end = isLast ? rest.length : wholeCharactersEnd(rest, rest.length);
    if (end < rest.length) this.#cut = Buffer.from(rest.subarray(end));
    return isUtf8(end === rest.length ? rest : rest.subarray(0, end));
  }
}

/**
 * Makes scrubbed text valid again where a mask cut a character: what is left of one becomes asterisks, so that no length
 * changes. At most 3 bytes are held back.
 */
export class Utf8Mender {
  #held: Buffer = EMPTY;

  /** The text that can go on, changed in place or a copy. */
  mend(piece: Buffer, isLast: boolean): Buffer {
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    const end = isLast ? bytes.length : wholeCharactersEnd(bytes, bytes.length);
    this.#held = end === bytes.length ? EMPTY : Buffer.from(bytes.subarray(end));
    const text = end === bytes.length ? bytes : bytes.subarray(0, end);
    if (!isUtf8(text)) fillBroken(text);
    return text;
  }
}

function fillBroken(text: Buffer): void {
  for (let at = 0; at < text.length; ) {
    const length = characterLength(text[at] ?? 0);
    if (at + length <= text.length && isUtf8(text.subarray(at, at + length))) at += length;
    else text[at++] = STAR;
  }
}
