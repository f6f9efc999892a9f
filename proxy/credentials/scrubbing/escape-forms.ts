import { utf8Word } from './utf8-word.ts';

/** The longest escape read, in bytes: `\\\\ud83d\\\\udd11`. Longer ones are not escapes here, which bounds what is held back. */
export const MAX_ESCAPE_BYTES = 18;
export const MAX_FORMS = 6;

/** `readHex` and `readDigits`: other characters are in the way, or the input ends first. */
const NO_NUMBER = -1;
export const CUT = -2;

/**
 * What one escape may stand for: the bytes as a word of utf8-word.ts and, in step, how many bytes of input each reading takes.
 */
export interface EscapeForms {
  readonly words: Uint32Array;
  readonly lengths: Uint8Array;
  count: number;
  /** The input ended where more bytes could make (another) escape. */
  incomplete: boolean;
}

export function createEscapeForms(): EscapeForms {
  return { words: new Uint32Array(MAX_FORMS), lengths: new Uint8Array(MAX_FORMS), count: 0, incomplete: false };
}

export function add(forms: EscapeForms, word: number, length: number): void {
  if (word < 0 || forms.count === MAX_FORMS || length > MAX_ESCAPE_BYTES) return;
  forms.words[forms.count] = word;
  forms.lengths[forms.count] = length;
  forms.count += 1;
}

/**
 * Two digits may be a byte of UTF-8 (`\xc3\xbc`) or a character of Latin-1 (`\xfc`, in a text with others as `\u0434`). The byte
 * goes first, so that "Ã" in such a text is missed: its code is its own first byte.
 */
export function addByte(forms: EscapeForms, value: number, length: number): void {
  if (value >= 0x80) add(forms, utf8Word(value), length);
  add(forms, value, length);
}

/** The value of the hexadecimal digits in [from, from + digits). */
export function readHex(bytes: Uint8Array, from: number, digits: number, end: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at += 1) {
    if (at >= end) return CUT;
    const digit = hexDigit(bytes[at] ?? 0);
    if (digit === -1) return NO_NUMBER;
    value = value * 16 + digit;
  }
  return value;
}

/** -1 for what is none. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The digits at `from` up to `last`, of the escape that began at `start`, leading zeros as far as MAX_ESCAPE_BYTES goes. */
export function readDigits(
  bytes: Uint8Array,
  start: number,
  from: number,
  end: number,
  radix: 10 | 16,
  last: number,
  forms: EscapeForms,
): void {
  let value = 0;
  for (let at = from; at < start + MAX_ESCAPE_BYTES; at += 1) {
    if (at >= end) {
      forms.incomplete = true;
      return;
    }
    const byte = bytes[at] ?? 0;
    if (byte === last) {
      if (at > from) add(forms, utf8Word(value), at + 1 - start);
      return;
    }
    const digit = hexDigit(byte);
    if (digit === -1 || digit >= radix) return;
    value = value * radix + digit;
  }
}
