import { add, addByte, CUT, type EscapeForms, readDigits, readHex } from './escape-forms.ts';
import { utf8Word } from './utf8-word.ts';

/** So many introduce one escape together. */
export const MAX_BACKSLASHES = 4;

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const SMALL_U = 0x75;
const LARGE_U = 0x55;
const SMALL_X = 0x78;

/** `\b`, `\f`, `\n`, `\r`, `\t` of JSON, `\v` and `\0` of C. */
const CONTROLS: ReadonlyMap<number, number> = new Map(
  Array.from('bfnrtv0', (letter, at) => [letter.charCodeAt(0), [0x08, 0x0c, 0x0a, 0x0d, 0x09, 0x0b, 0][at] ?? 0]),
);

/** How many bytes the backslash at `at` takes: 1, or 3 for `%5C`; 0 when there is none, CUT when the input ends in it. */
function backslashBytes(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return CUT;
  if (bytes[at] === BACKSLASH) return 1;
  if (bytes[at] !== PERCENT) return 0;
  const value = readHex(bytes, at + 1, 2, end);
  if (value === CUT) return CUT;
  return value === BACKSLASH ? 3 : 0;
}

/** What the one to four backslashes at `at`, all written alike, begin. */
export function readBackslash(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  const size = backslashBytes(bytes, at, end);
  let from = at;
  for (let count = 1; count <= MAX_BACKSLASHES; count += 1) {
    const length = backslashBytes(bytes, from, end);
    if (length === CUT) forms.incomplete = true;
    if (length !== size) break;
    from += length;
    if (count === 2 || count === 4) add(forms, BACKSLASH, from - at);
  }
  if (from < end) readLetter(bytes, at, from, end, forms);
  else forms.incomplete = true;
}

/** What follows the backslashes that began at `start`. */
function readLetter(bytes: Uint8Array, start: number, at: number, end: number, forms: EscapeForms): void {
  const letter = bytes[at] ?? 0;
  if (letter === SMALL_U) readUnicode(bytes, start, at + 1, end, forms);
  else if (letter === SMALL_X || letter === LARGE_U) {
    const digits = letter === SMALL_X ? 2 : 8;
    const value = readHex(bytes, at + 1, digits, end);
    if (value === CUT) forms.incomplete = true;
    else if (value >= 0 && letter === SMALL_X) addByte(forms, value, at + 3 - start);
    else if (value >= 0) add(forms, utf8Word(value), at + 9 - start);
  } else if (isPunctuation(letter)) {
    add(forms, letter, at + 1 - start);
  } else {
    const control = CONTROLS.get(letter);
    if (control !== undefined) add(forms, control, at + 1 - start);
    if (letter <= 0x33) readOctal(bytes, start, at, end, forms);
  }
}

/**
 * Or a control character; a backslash is counted. Markdown has one in front of any of them (CommonMark 0.31 section 2.4), as has
 * Perl's `quotemeta`.
 */
function isPunctuation(byte: number): boolean {
  if (byte < 0x40) return byte < 0x30 || byte > 0x39;
  return byte < 0x7f && byte !== BACKSLASH && !isLetter(byte);
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function readOctal(bytes: Uint8Array, start: number, at: number, end: number, forms: EscapeForms): void {
  let value = 0;
  for (let digit = at; digit < at + 3; digit += 1) {
    if (digit >= end) {
      forms.incomplete = true;
      return;
    }
    const byte = bytes[digit] ?? 0;
    if (byte < 0x30 || byte > 0x37) return;
    value = value * 8 + byte - 0x30;
  }
  add(forms, value, at + 3 - start);
}

/** `0041` or `{1f511}` at `at`, behind the backslashes that began at `start` and their `u`. */
function readUnicode(bytes: Uint8Array, start: number, at: number, end: number, forms: EscapeForms): void {
  if (bytes[at] === 0x7b) {
    readDigits(bytes, start, at + 1, end, 16, 0x7d, forms);
    return;
  }
  const unit = readHex(bytes, at, 4, end);
  if (unit === CUT) forms.incomplete = true;
  else if (unit >= 0) addUtf16(bytes, start, at + 4, unit, end, forms);
}

/** A UTF-16 code unit whose escape ended at `at`: a character, or the first half of one whose other half must follow. */
export function addUtf16(
  bytes: Uint8Array,
  start: number,
  at: number,
  unit: number,
  end: number,
  forms: EscapeForms,
): void {
  if (unit < 0xd800 || unit > 0xdbff) {
    add(forms, utf8Word(unit), at - start);
    return;
  }
  // The other half is introduced as the first one was, whatever stands before its digits.
  const introduced = at - start - 4;
  for (let index = 0; index < introduced; index += 1) {
    if (at + index >= end) {
      forms.incomplete = true;
      return;
    }
    if (bytes[at + index] !== bytes[start + index]) return;
  }
  const low = readHex(bytes, at + introduced, 4, end);
  if (low === CUT) forms.incomplete = true;
  if (low >= 0xdc00 && low <= 0xdfff)
    add(forms, utf8Word(0x10000 + ((unit - 0xd800) << 10) + low - 0xdc00), 2 * (at - start));
}
