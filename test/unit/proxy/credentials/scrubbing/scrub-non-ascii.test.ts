import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';

/** Of one, two, three and four bytes a character in UTF-8; in Latin-1 and beyond it. */
const SECRETS = ['pässwörd-für-alle', 'ключ-от-дома-42', 'パスワード-鍵', 'emoji-🔑-🗝️-ü', 'Ã-ÃÃ-é-straße'];

function scrubberOf(secret: string): Scrubber {
  const scrubber = compileScrubber([new Secret(secret)]);
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

const isAscii = (char: string) => char < '\x80';
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const mixedCase = (text: string) => Array.from(text, (char, at) => (at % 2 ? char.toUpperCase() : char)).join('');
const bytesOf = (text: string) => [...Buffer.from(text)];
const units = (char: string, make: (unit: number) => string) =>
  Array.from({ length: char.length }, (_, at) => make(char.charCodeAt(at))).join('');
const point = (char: string) => char.codePointAt(0) ?? 0;
const json = (char: string) => (isAscii(char) ? char : units(char, (unit) => `\\u${hex(unit, 4)}`));
/** What Python's `ascii()` and `backslashreplace` write. */
const python = (char: string) => {
  if (isAscii(char)) return char;
  if (point(char) < 0x100) return `\\x${hex(point(char), 2)}`;
  return point(char) < 0x10000 ? `\\u${hex(point(char), 4)}` : `\\U${hex(point(char), 8)}`;
};

/** Name of the rendering, and how it writes one character at a place. */
const ESCAPES: Record<string, (char: string, at: number) => string> = {
  raw: (char) => char,
  'JSON, lower case': json,
  'JSON, upper case': (char) => json(char).replace(/[a-f0-9]{4}/g, (digits) => digits.toUpperCase()),
  'JSON, digits of both cases': (char) => json(char).replace(/[a-f0-9]{4}/g, mixedCase),
  'JSON, some characters in upper case': (char, at) =>
    at % 2 ? json(char) : json(char).replace(/[a-f0-9]{4}/g, (digits) => digits.toUpperCase()),
  'JSON, ASCII too': (char) => units(char, (unit) => `\\u${hex(unit, 4)}`),
  'JSON, only some': (char, at) => (at % 2 ? char : json(char)),
  'JSON in JSON': (char) => json(char).replaceAll('\\', '\\\\'),
  'JSON in a query': (char) => json(char).replaceAll('\\', '%5C'),
  percent: (char) => (isAscii(char) ? char : encodeURIComponent(char)),
  'percent and JSON': (char, at) => (at % 2 || isAscii(char) ? json(char) : encodeURIComponent(char).toLowerCase()),
  'escape() of old JavaScript': (char) =>
    units(char, (unit) => (unit < 0x80 ? char : unit < 0x100 ? `%${hex(unit, 2)}` : `%u${hex(unit, 4)}`)),
  'code points, as in Rust and JavaScript': (char) => (isAscii(char) ? char : `\\u{${hex(point(char), 1)}}`),
  'eight digits, as in Go and C': (char) => (isAscii(char) ? char : `\\U${mixedCase(hex(point(char), 8))}`),
  "Python's ascii()": python,
  'bytes, as in C': (char) =>
    isAscii(char)
      ? char
      : bytesOf(char)
          .map((byte) => `\\x${hex(byte, 2)}`)
          .join(''),
  'bytes in octal, as in git and protobuf': (char) =>
    isAscii(char)
      ? char
      : bytesOf(char)
          .map((byte) => `\\${byte.toString(8)}`)
          .join(''),
  'HTML, decimal': (char) => (isAscii(char) ? char : `&#${point(char)};`),
  'HTML, hexadecimal': (char) => (isAscii(char) ? char : `&#X${mixedCase(hex(point(char), 1))};`),
  'read as Latin-1': (char) => Buffer.from(char).toString('latin1'),
  'read as Latin-1, as JSON': (char) => Array.from(Buffer.from(char).toString('latin1'), json).join(''),
};

describe.each(SECRETS)('the secret %s', (secret) => {
  const scrubber = scrubberOf(secret);

  describe.each(Object.entries(ESCAPES))('%s', (_, escape) => {
    const rendered = Array.from(secret, escape).join('');
    const clean = `{"a":"${'*'.repeat(Buffer.byteLength(rendered))}"}`;
    const body = Buffer.from(`{"a":"${rendered}"}`);

    test('is masked, on every cut', () => {
      for (let cut = 0; cut <= body.length; cut += 1) {
        const stream = scrubber.stream();
        const out = [body.subarray(0, cut), body.subarray(cut)].flatMap((chunk) =>
          stream.push(Buffer.from(chunk)).map((bytes) => Buffer.from(bytes)),
        );
        expect(Buffer.concat([...out, ...stream.end()]).toString(), `cut at ${cut}`).toBe(clean);
        expect(stream.hits).toBe(1);
      }
    });

    test('is masked byte by byte, and in a text', () => {
      const stream = scrubber.stream();
      const out = [...body].flatMap((byte) => stream.push(Buffer.of(byte)).map((bytes) => Buffer.from(bytes)));
      expect(Buffer.concat([...out, ...stream.end()]).toString()).toBe(clean);
      expect(scrubber.scrubText(body.toString('latin1')).text).toBe(clean);
    });

    test('is masked where the body ends inside it', () => {
      const stream = scrubber.stream();
      const cut = body.subarray(0, body.length - 3);
      const out = stream.push(Buffer.from(cut)).map((bytes) => Buffer.from(bytes));
      expect(Buffer.concat([...out, ...stream.end()]).toString()).toBe(clean.slice(0, cut.length));
    });
  });
});

test('Latin-1, of a secret that can be written in it', () => {
  expect(scrubberOf('pässwörd').scrubText('[pässwörd]')).toEqual({ text: '[********]', hits: 1 });
});

test('other characters in escapes pass', () => {
  const text =
    '\\u00e4\\u00f6 ключ-от \\ud83d\\udd11 &#252; \\u{1F511} %u0434 \\U0001f511 \\303\\274 \\ud83d \\udd11\\ud83d';
  for (const secret of SECRETS) {
    const stream = scrubberOf(secret).stream();
    expect(Buffer.concat([...stream.push(Buffer.from(text)), ...stream.end()]).toString()).toBe(text);
  }
});

test.each(['ключотдома', '鍵鍵🔑🔑'])('%s, which has no NUL byte in UTF-16, is found in it', (secret) => {
  const wide = Buffer.from(secret, 'utf16le');
  for (const bytes of [wide, Buffer.from(wide).swap16()]) {
    const out = scrubberOf(secret).stream().pushLast(Buffer.from(bytes));
    expect(Buffer.concat(out).toString()).toBe('*'.repeat(bytes.length));
  }
});

test.each(['🔑', 'ёж', '鍵ß'])('a secret of hardly any characters is found in wide ones: %s', (secret) => {
  const short = Buffer.from(secret, 'utf16le');
  const points = Array.from(secret, (char) => char.codePointAt(0) ?? 0);
  const long = Buffer.from(Uint32Array.from(points).buffer);
  for (const wide of [short, Buffer.from(short).swap16(), long, Buffer.from(long).swap32()]) {
    const body = Buffer.concat([Buffer.alloc(101), wide, Buffer.alloc(77)]);
    const stream = scrubberOf(secret).stream();
    const clean = Buffer.concat([...stream.push(Buffer.from(body)), ...stream.end()]);
    expect(clean.toString('latin1', 101, 101 + wide.length)).toBe('*'.repeat(wide.length));
    expect(clean.length).toBe(body.length);
  }
});
