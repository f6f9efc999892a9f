import { addUtf16, readBackslash } from './backslash-escapes.ts';
import { add, addByte, CUT, type EscapeForms, readDigits, readHex } from './escape-forms.ts';

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const AMPERSAND = 0x26;
const SMALL_U = 0x75;
const SMALL_X = 0x78;

export function startsEscape(byte: number): boolean {
  return byte === PERCENT || byte === BACKSLASH || byte === AMPERSAND;
}

/**
 * Bytes that may stand inside an escape, beside the alphabet of what is looked for. Letters of names are not among them: where they
 * count, all letters do. Nor is what a backslash leaves as it is.
 */
export const ESCAPE_ALPHABET = Buffer.from('%\\&#;xuU{}0123456789abcdefABCDEFgtlquompsX/"\'nrv');

/**
 * Reads the escape at `at` into `forms`, without allocating:
 * - percent (RFC 3986 section 2.1) nested to three levels, and `%u0434`, which JavaScript's `escape` writes;
 * - JSON (RFC 8259 section 7: `\/`, `\n`, `\u0041`, pairs of surrogates) and what other languages write (`\x41`, `\u{1f511}`,
 *   `\U0001f511`, octal `\303`), after up to four backslashes, which may be `%5C`;
 * - HTML character references: those of numbers, and the names of ASCII, which PHP's `htmlentities` writes: `&lowbar;`, `&period;`.
 */
export function readEscape(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  forms.count = 0;
  forms.incomplete = false;
  const introducer = bytes[at];
  if (introducer === PERCENT) readPercent(bytes, at, end, forms);
  else if (introducer === BACKSLASH) readBackslash(bytes, at, end, forms);
  else if (introducer === AMPERSAND) readEntity(bytes, at, end, forms);
}

function readPercent(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  if (bytes[at + 1] === SMALL_U) {
    const unit = readHex(bytes, at + 2, 4, end);
    if (unit >= 0) addUtf16(bytes, at, at + 6, unit, end, forms);
    else forms.incomplete = unit === CUT;
    return;
  }
  let from = at + 1;
  for (let level = 0; level < 3; level += 1) {
    const value = readHex(bytes, from, 2, end);
    if (value === CUT) forms.incomplete = true;
    if (value < 0) return;
    addByte(forms, value, from + 2 - at);
    if (value === BACKSLASH && level === 0) readBackslash(bytes, at, end, forms);
    if (value !== PERCENT) return;
    from += 2;
  }
}

interface CharacterName {
  /** With the semicolon. */
  readonly name: Buffer;
  readonly value: number;
}

/** By their first byte: all names that stand for one character of ASCII in HTML (WHATWG HTML section 13.5). */
const NAMED: ReadonlyMap<number, readonly CharacterName[]> = byFirstByte(
  `Tab:9 NewLine:10 excl:33 quot:34 QUOT:34 num:35 dollar:36 percnt:37 amp:38 AMP:38 apos:39 lpar:40 rpar:41 ast:42 midast:42
   plus:43 comma:44 period:46 sol:47 colon:58 semi:59 lt:60 LT:60 equals:61 gt:62 GT:62 quest:63 commat:64 lbrack:91 lsqb:91
   bsol:92 rbrack:93 rsqb:93 Hat:94 lowbar:95 UnderBar:95 grave:96 DiacriticalGrave:96 lbrace:123 lcub:123 vert:124 verbar:124
   VerticalLine:124 rbrace:125 rcub:125`,
);

function byFirstByte(table: string): Map<number, CharacterName[]> {
  const byFirst = new Map<number, CharacterName[]>();
  for (const entry of table.split(/\s+/)) {
    const [name = '', code] = entry.split(':');
    const bytes = Buffer.from(`${name};`);
    const [first = 0] = bytes;
    byFirst.set(first, [...(byFirst.get(first) ?? []), { name: bytes, value: Number(code) }]);
  }
  return byFirst;
}

/** What names of characters stand for that begin with `first`, where `introducer` is a name's; undefined where it is not. */
export function namedBytes(introducer: number, first: number): readonly number[] | undefined {
  return introducer === AMPERSAND ? NAMED.get(first)?.map(({ value }) => value) : undefined;
}

function readEntity(bytes: Uint8Array, at: number, end: number, forms: EscapeForms): void {
  if (bytes[at + 1] === 0x23) {
    const isHex = at + 2 < end && ((bytes[at + 2] ?? 0) | 0x20) === SMALL_X;
    readDigits(bytes, at, at + (isHex ? 3 : 2), end, isHex ? 16 : 10, 0x3b, forms);
    return;
  }
  if (at + 1 >= end) {
    forms.incomplete = true;
    return;
  }
  for (const { name, value } of NAMED.get(bytes[at + 1] as number) ?? []) {
    let matched = 1;
    while (matched < name.length && at + 1 + matched < end && bytes[at + 1 + matched] === name[matched]) matched += 1;
    if (matched === name.length) add(forms, value, 1 + matched);
    else if (at + 1 + matched >= end) forms.incomplete = true;
  }
}
