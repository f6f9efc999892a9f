import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  PLACEHOLDER_WINDOW,
  type PlaceholderForm,
  placeholderInBytes,
} from '../../../../../proxy/credentials/injection/placeholder-search.ts';
import { EscapedSearch } from '../../../../../proxy/credentials/scrubbing/escaped-search.ts';

const MARK = 'sk_placeholder_';
const PLACEHOLDER = `${MARK}${'Ab3-_'.repeat(4)}xyz`;
const WHOLE = /sk_placeholder_[A-Za-z0-9_-]{22,}/;
const IN_BASE64 = ['c2tfcGxhY2Vob2xkZXJf', 'NrX3BsYWNlaG9sZGVyX', 'za19wbGFjZWhvbGRlcl'];
const PADS = ['', 'AA', 'AAA'];
const ESCAPED = new EscapedSearch([Buffer.from(MARK)]);

/** What stands there first by the plainest of ways, at every place. */
function expected(bytes: Buffer, readsEscapes: boolean): PlaceholderForm | undefined {
  for (let at = 0; at < bytes.length; at += 1) {
    const text = bytes.toString('latin1', at, at + 60);
    if (text.startsWith(MARK) && WHOLE.test(text.slice(0, MARK.length + 22))) return 'plain';
    const alignment = IN_BASE64.findIndex((mark) => text.startsWith(mark));
    if (alignment === -1) continue;
    const decoded = Buffer.from((PADS[alignment] ?? '') + text.slice(0, 52), 'base64').toString('latin1');
    if (/k_placeholder_[A-Za-z0-9_-]{22,}/.test(decoded)) return 'encoded';
  }
  let form: PlaceholderForm | undefined;
  if (readsEscapes) ESCAPED.search(bytes, bytes.length, { add: () => (form = 'encoded') });
  return form;
}

const escapes: readonly ((char: string) => string)[] = [
  (char) => char,
  (char) => `%${char.charCodeAt(0).toString(16)}`,
  (char) => `%25${char.charCodeAt(0).toString(16).toUpperCase()}`,
  (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  (char) => `\\\\u{${char.charCodeAt(0).toString(16)}}`,
  (char) => `\\U000000${char.charCodeAt(0).toString(16)}`,
  (char) => `\\x${char.charCodeAt(0).toString(16)}`,
  (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  (char) => `&#${char.charCodeAt(0)};`,
  (char) => `&#x${char.charCodeAt(0).toString(16)};`,
  (char) => (char === '_' ? '&lowbar;' : char),
  (char) => (char === '_' ? '\\_' : char),
];
const written = fc
  .tuple(fc.constantFrom(...escapes), fc.constantFrom(...escapes), fc.nat(3), fc.nat(PLACEHOLDER.length))
  .map(([one, other, every, length]) =>
    Array.from(PLACEHOLDER.slice(0, length), (char, at) => (at % (every + 1) === 0 ? one : other)(char)).join(''),
  );
const inBase64 = fc
  .tuple(fc.string({ maxLength: 5 }), fc.nat(50), fc.constantFrom<BufferEncoding>('base64', 'base64url'))
  .map(([before, length, encoding]) =>
    Buffer.from(before + PLACEHOLDER + before)
      .toString(encoding)
      .slice(0, 20 + length),
  );
const piece = fc.oneof(
  written,
  inBase64,
  fc.string({ unit: fc.constantFrom(...'%&\\#;xuU{}05afnt"/_pskX32t9w'), maxLength: 12 }),
  fc.constantFrom(PLACEHOLDER, MARK, ...IN_BASE64, ' '.repeat(15), ' '.repeat(16)),
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

test('a placeholder is found as by looking at every place', () => {
  fc.assert(
    fc.property(text, fc.boolean(), (bytes, readsEscapes) => {
      expect(placeholderInBytes(bytes, readsEscapes)).toBe(expected(bytes, readsEscapes));
    }),
    { numRuns: 5_000 },
  );
});

test('however it is cut off, and wherever a block of the search ends', () => {
  const forms = [PLACEHOLDER, Buffer.from(PLACEHOLDER).toString('base64')].concat(
    escapes.map((escape) => Array.from(MARK, escape).join('')),
  );
  for (const form of forms) {
    const bytes = Buffer.from(form, 'latin1');
    for (let end = 0; end <= bytes.length; end += 1) {
      const cut = bytes.subarray(0, end);
      expect(placeholderInBytes(cut, true)).toBe(expected(cut, true));
    }
    for (let before = 16_384 - PLACEHOLDER_WINDOW; before <= 16_386; before += 1) {
      const found = placeholderInBytes(Buffer.concat([Buffer.alloc(before, '.'), bytes, Buffer.from('..')]), true);
      expect(found).toBe(expected(bytes, true));
    }
  }
});
