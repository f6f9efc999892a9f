/** The longest escape read, in bytes: `\\\\\u0041`. Longer ones are not escapes here, which bounds what is held back. */
export const MAX_ESCAPE_BYTES = 10;
const MAX_BACKSLASHES = 4;
const MAX_FORMS = 4;

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const AMPERSAND = 0x26;

/** What one escape may stand for: the bytes and, in step, how many bytes of input each reading takes. */
export interface EscapeForms {
  readonly values: Uint8Array;
  readonly lengths: Uint8Array;
  count: number;
  /** The input ended where more bytes could make (another) escape. */
  incomplete: boolean;
}

export function createEscapeForms(): EscapeForms {
  return { values: new Uint8Array(MAX_FORMS), lengths: new Uint8Array(MAX_FORMS), count: 0, incomplete: false };
}

export function startsEscape(byte: number): boolean {
  return byte === PERCENT || byte === BACKSLASH || byte === AMPERSAND;
}

/** Bytes that may stand inside an escape, beside the alphabet of what is looked for. */
export const ESCAPE_ALPHABET = Buffer.from('%\\&#;xu0123456789abcdefABCDEFgtlquompsX/"\'nrv');

/**
 * Reads the escape at `at` into `forms`, without allocating: percent (RFC 3986 section 2.1) nested to three levels,
 * JSON and C (RFC 8259 section 7: `\/`, `\n`, `\u0041`, `\x41`, after up to four backslashes), HTML character references.
 */
export function readEscape(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  forms.count = 0;
  forms.incomplete = false;
  const introducer = bytes[at];
  if (introducer === PERCENT) readPercent(bytes, at, end, forms);
  else if (introducer === BACKSLASH) readBackslash(bytes, at, end, forms);
  else if (introducer === AMPERSAND) readEntity(bytes, at, end, forms);
}

function add(forms: EscapeForms, value: number, length: number): void {
  if (forms.count === MAX_FORMS || length > MAX_ESCAPE_BYTES) return;
  forms.values[forms.count] = value;
  forms.lengths[forms.count] = length;
  forms.count += 1;
}

/** The value of the hexadecimal digits in [from, from + digits), or -1: not digits, or -2: the input ends first. */
function readHex(bytes: Uint8Array, from: number, digits: number, end: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at += 1) {
    if (at >= end) return -2;
    const digit = hexDigit(bytes[at] ?? 0);
    if (digit === -1) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function readPercent(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  let from = at + 1;
  for (let level = 0; level < 3; level += 1) {
    const value = readHex(bytes, from, 2, end);
    if (value === -2) forms.incomplete = true;
    if (value < 0) return;
    add(forms, value, from + 2 - at);
    if (value !== PERCENT) return;
    from += 2;
  }
}

/** `\b`, `\f`, `\n`, `\r`, `\t` of JSON, `\v` and `\0` of C. */
const CONTROLS: ReadonlyMap<number, number> = new Map(
  Array.from('bfnrtv0', (letter, at) => [letter.charCodeAt(0), [0x08, 0x0c, 0x0a, 0x0d, 0x09, 0x0b, 0][at] ?? 0]),
);

function readBackslash(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  let from = at;
  while (from < end && from - at < MAX_BACKSLASHES && bytes[from] === BACKSLASH) from += 1;
  if (from >= end) {
    forms.incomplete = true;
    if (from - at >= 2) add(forms, BACKSLASH, 2);
    return;
  }
  const kind = bytes[from] ?? 0;
  if (kind === 0x75 || kind === 0x78) {
    const digits = kind === 0x75 ? 4 : 2;
    const value = readHex(bytes, from + 1, digits, end);
    if (value === -2) forms.incomplete = true;
    if (value >= 0 && value < 0x80) add(forms, value, from + 1 + digits - at);
  } else if (kind < 0x30) {
    add(forms, kind, from + 1 - at);
  } else {
    const control = CONTROLS.get(kind);
    if (control !== undefined) add(forms, control, from + 1 - at);
  }
  if (from - at >= 2) add(forms, BACKSLASH, 2);
}

const NAMED = [
  { name: Buffer.from('amp;'), value: 0x26 },
  { name: Buffer.from('lt;'), value: 0x3c },
  { name: Buffer.from('gt;'), value: 0x3e },
  { name: Buffer.from('quot;'), value: 0x22 },
  { name: Buffer.from('apos;'), value: 0x27 },
] as const;

function readEntity(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  if (at + 1 >= end) {
    forms.incomplete = true;
    return;
  }
  if (bytes[at + 1] === 0x23) {
    readNumericEntity(bytes, at, end, forms);
    return;
  }
  for (const { name, value } of NAMED) {
    let matched = 0;
    while (matched < name.length && at + 1 + matched < end && bytes[at + 1 + matched] === name[matched]) matched += 1;
    if (matched === name.length) add(forms, value, 1 + matched);
    else if (at + 1 + matched >= end) forms.incomplete = true;
  }
}

/** `&#65;` and `&#x41;`, leading zeros included as far as MAX_ESCAPE_BYTES goes. */
function readNumericEntity(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  let from = at + 2;
  const isHex = from < end && ((bytes[from] ?? 0) | 0x20) === 0x78;
  if (isHex) from += 1;
  const radix = isHex ? 16 : 10;
  let value = 0;
  for (; from < at + MAX_ESCAPE_BYTES; from += 1) {
    if (from >= end) {
      forms.incomplete = true;
      return;
    }
    const byte = bytes[from] ?? 0;
    if (byte === 0x3b) {
      if (value < 0x80) add(forms, value, from + 1 - at);
      return;
    }
    const digit = hexDigit(byte);
    if (digit === -1 || digit >= radix) return;
    value = value * radix + digit;
  }
}
