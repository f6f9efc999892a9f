import { describe, expect, test } from 'vitest';
import { createEscapeForms } from '../../../../../proxy/credentials/scrubbing/escape-forms.ts';
import { ESCAPE_ALPHABET, readEscape } from '../../../../../proxy/credentials/scrubbing/escapes.ts';
import { bytesOfWordAt, leadOf, utf8Word } from '../../../../../proxy/credentials/scrubbing/utf8-word.ts';

/** What the escape at the beginning may stand for: UTF-8 in hexadecimal and bytes taken; "..." when more bytes could make another. */
function read(text: string, end = text.length): string {
  const forms = createEscapeForms();
  readEscape(Buffer.from(text, 'latin1'), 0, end, forms);
  const found = Array.from(forms.words.subarray(0, forms.count), (word, at) => {
    const hex = word.toString(16);
    return `${hex.padStart(hex.length + (hex.length % 2), '0')}:${forms.lengths[at]}`;
  });
  return [...found, ...(forms.incomplete ? ['...'] : [])].join(' ');
}

const KEY = 'f09f9491';
const READINGS: readonly (readonly [text: string, read: string])[] = [
  ['%2f', '2f:3'],
  ['%2F5', '2f:3'],
  ['%4142', '41:3'],
  ['%', '...'],
  ['%2', '...'],
  ['%2g', ''],
  ['%e4', 'c3a4:3 e4:3'],
  ['%252f', '25:3 2f:5'],
  ['%25252f', '25:3 25:5 2f:7'],
  ['%2525252f', '25:3 25:5 25:7'],
  ['%25', '25:3 ...'],
  ['%25x', '25:3'],
  ['%u0434', 'd0b4:6'],
  ['%u', '...'],
  ['%ud83d%udd11', `${KEY}:12`],
  ['%ud83d%u', '...'],
  ['%ud83d', '...'],
  ['%ud83d\\udd11', ''],
  ['%ud83d%u0041', ''],
  ['%ud83d%uffff', ''],
  ['%ud83d%ud83d', ''],
  ['%udd11', ''],
  ['%5C', '5c:3 ...'],
  ['%5Cn', '5c:3 0a:4'],
  ['%5C\\n', '5c:3'],
  ['%5C%5Cxe4', '5c:3 5c:6 c3a4:9 e4:9'],
  ['%5C%5C012', '5c:3 5c:6 00:7 0a:9'],
  ['%5C%5', '5c:3 25:4 ...'],
  ['%5C%5C%5C%5Cu0041', '5c:3 5c:6 5c:12 41:17'],
  ['%5C%5C%5C%5Cud83d%5C%5C%5C%5Cudd11', '5c:3 5c:6 5c:12'],
  ['%255Cn', '25:3 5c:5'],
  ...[...'bfnrtv'].map((letter, at) => [`\\${letter}`, `${['08', '0c', '0a', '0d', '09', '0b'][at]}:2`] as const),
  ['\\', '...'],
  ['\\a', ''],
  ['\\/', '2f:2'],
  ['\\"', '22:2'],
  ['\\_', '5f:2'],
  ['\\=', '3d:2'],
  ['\\@', '40:2'],
  ['\\~', '7e:2'],
  ['\\`', '60:2'],
  ['\\\\_', '5c:2 5f:3'],
  ['\\z', ''],
  ['\\Z', ''],
  ['\\0', '00:2 ...'],
  ['\\0x', '00:2'],
  ['\\012', '00:2 0a:4'],
  ['\\303', 'c3:4'],
  ['\\377', 'ff:4'],
  ['\\389', ''],
  ['\\403', ''],
  ['\\x41', '41:4'],
  ['\\xe4', 'c3a4:4 e4:4'],
  ['\\x4', '...'],
  ['\\u0041', '41:6'],
  ['\\u', '...'],
  ['\\u{41}', '41:6'],
  ['\\u{1F511}', `${KEY}:9`],
  ['\\u{0000000001f511}', `${KEY}:18`],
  ['\\u{00000000001f511}', ''],
  ['\\u{}', ''],
  ['\\u{1f51g}', ''],
  ['\\u{110000}', ''],
  ['\\u{10ffff}', 'f48fbfbf:10'],
  ['\\u{d800}', ''],
  ['\\U0001f511', `${KEY}:10`],
  ['\\U00110000', ''],
  ['\\U0001f51', '...'],
  ['\\\\', '5c:2 ...'],
  ['\\\\n', '5c:2 0a:3'],
  ['\\\\\\n', '5c:2 0a:4'],
  ['\\\\\\\\', '5c:2 5c:4 ...'],
  ['\\\\\\\\n', '5c:2 5c:4 0a:5'],
  ['\\\\\\\\\\n', '5c:2 5c:4'],
  ['\\\\\\\\ud83d\\\\\\\\udd11', `5c:2 5c:4 ${KEY}:18`],
  ['\\%5Cn', '25:2'],
  ['&', '...'],
  ['&amp;', '26:5'],
  ['&lt;', '3c:4'],
  ['&gt;', '3e:4'],
  ['&quot;', '22:6'],
  ['&apos;', '27:6'],
  ['&lowbar;', '5f:8'],
  ['&UnderBar;', '5f:10'],
  ['&period;', '2e:8'],
  ['&Tab;', '09:5'],
  ['&DiacriticalGrave;', '60:18'],
  ['&lowbar', '...'],
  ['&lowbat;', ''],
  ['&lbrac;', ''],
  ['&zwj;', ''],
  ['&a', '...'],
  ['&ap;', ''],
  ['&#', '...'],
  ['&#65;', '41:5'],
  ['&#x41;', '41:6'],
  ['&#X1f511;', `${KEY}:9`],
  ['&#;', ''],
  ['&#x;', ''],
  ['&#6a;', ''],
  ['&#65', '...'],
  ['&#00000000000000065;', ''],
  ['&#4294967361;', ''],
];

describe('an escape', () => {
  test.each(READINGS)('%s stands for %s', (text, expected) => expect(read(text)).toBe(expected));

  test.each(READINGS)('%s is read by nothing behind its end, on every cut', (text) => {
    for (const tail of ['', '#65;', 'u0041', 'x41', '41', '%5C', '\\n'])
      for (let end = 1; end <= text.length; end += 1) expect(read(text + tail, end)).toBe(read(text.slice(0, end)));
  });

  test('is held back by its alphabet: every byte that one above is made of is in it', () => {
    for (const [text, reading] of READINGS) {
      if (reading === '' || reading.includes('...')) continue;
      const rare = text.replaceAll(/(?<=&)\w+|(?<=\\)[=@_~`]/g, '');
      for (const byte of Buffer.from(rare)) expect(ESCAPE_ALPHABET.includes(byte), text).toBe(true);
    }
  });
});

describe('a word of UTF-8', () => {
  const EDGES = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff];

  test.each(EDGES)('of U+%i has the bytes that Node writes', (codePoint) => {
    const bytes = Buffer.from(String.fromCodePoint(codePoint));
    const word = utf8Word(codePoint);
    expect(word).toBe(bytes.readUIntBE(0, bytes.length));
    expect(leadOf(word)).toBe(bytes[0]);
    expect(bytesOfWordAt(word, bytes, 0)).toBe(bytes.length);
    expect(bytesOfWordAt(word, bytes.subarray(0, -1), 0)).toBe(0);
  });

  test.each([0xd800, 0xdbff, 0xdc00, 0xdfff, 0x110000])('is none of %i', (codePoint) => {
    expect(utf8Word(codePoint)).toBe(-1);
  });
});
