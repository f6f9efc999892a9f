import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';

const SECRET = 'sk-live_9f/+Q~"z=\\% &<Ab1';

function scrubberOf(...secrets: string[]): Scrubber {
  const scrubber = compileScrubber(secrets.map((secret) => new Secret(secret)));
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

function scrubChunks(scrubber: Scrubber, chunks: Buffer[]): { text: string; hits: number } {
  const stream = scrubber.stream();
  const out: Buffer[] = chunks.flatMap((chunk) => stream.push(Buffer.from(chunk)).map((bytes) => Buffer.from(bytes)));
  out.push(...stream.end());
  return { text: Buffer.concat(out).toString('latin1'), hits: stream.hits };
}

const each = (make: (char: string) => string) => Array.from(SECRET, make).join('');
const hex = (char: string, digits: number) => char.charCodeAt(0).toString(16).padStart(digits, '0');
const html = (char: string) => ({ '&': '&amp;', '<': '&lt;', '"': '&quot;' })[char] ?? char;

const RENDERINGS: Record<string, string> = {
  raw: SECRET,
  'percent, as encodeURIComponent': encodeURIComponent(SECRET),
  'percent, lower case': encodeURIComponent(SECRET)
    .toLowerCase()
    .replace('live', 'live')
    .replace('ab1', 'Ab1')
    .replace('q~', 'Q~'),
  'percent, every character': each((char) => `%${hex(char, 2)}`),
  'percent, every character, upper case': each((char) => `%${hex(char, 2).toUpperCase()}`),
  'percent, twice': encodeURIComponent(encodeURIComponent(SECRET)),
  'form encoding': new URLSearchParams({ a: SECRET }).toString().slice(2),
  JSON: JSON.stringify(SECRET).slice(1, -1),
  'JSON, solidus escaped': JSON.stringify(SECRET).slice(1, -1).replace('/', '\\/'),
  'JSON in JSON': JSON.stringify(JSON.stringify(SECRET)).slice(3, -3),
  'JSON, every character': each((char) => `\\u${hex(char, 4)}`),
  'C, every character': each((char) => `\\x${hex(char, 2)}`),
  HTML: each(html),
  'HTML, decimal': each((char) => `&#${char.charCodeAt(0)};`),
  'HTML, hexadecimal': each((char) => `&#x${hex(char, 2)};`),
  hex: Buffer.from(SECRET).toString('hex'),
  'hex, upper case': Buffer.from(SECRET).toString('hex').toUpperCase(),
};

describe('the scrubber', () => {
  const scrubber = scrubberOf(SECRET);

  describe.each(Object.entries(RENDERINGS))('%s', (_, rendered) => {
    const body = `{"you sent": "${rendered}", "again": "${rendered}"}`;
    const clean = body.replaceAll(rendered, '*'.repeat(rendered.length));

    test('in one piece', () => {
      expect(scrubChunks(scrubber, [Buffer.from(body)])).toEqual({ text: clean, hits: 2 });
      expect(scrubber.scrubText(body)).toEqual({ text: clean, hits: 2 });
    });

    test('on every cut', () => {
      const bytes = Buffer.from(body);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const { text, hits } = scrubChunks(scrubber, [bytes.subarray(0, cut), bytes.subarray(cut)]);
        expect(text, `cut at ${cut}`).toBe(clean);
        expect(hits).toBe(2);
      }
    });

    test('byte by byte', () => {
      expect(
        scrubChunks(
          scrubber,
          Array.from(Buffer.from(body), (byte) => Buffer.of(byte)),
        ).text,
      ).toBe(clean);
    });
  });

  test.each([0, 1, 2, 3, 4, 5])('base64 and base64url with %i bytes in front', (before) => {
    const plain = `${'u'.repeat(before)}${SECRET}:tail`;
    for (const encoding of ['base64', 'base64url'] as const) {
      const { text, hits } = scrubber.scrubText(`x ${Buffer.from(plain).toString(encoding)} y`);
      expect(hits).toBe(1);
      const left = Buffer.from(text.slice(2, -2).replaceAll('*', ''), encoding).toString('latin1');
      expect(left).not.toContain(SECRET.slice(1, 5));
      expect(text.match(/\*+/)?.[0].length).toBeGreaterThanOrEqual(Math.floor((SECRET.length * 8) / 6) - 1);
    }
  });

  test('characters escaped in any mixture', () => {
    const mixed = Array.from(SECRET, (char, index) =>
      [char, `%${hex(char, 2)}`, `\\u${hex(char, 4)}`, `&#${char.charCodeAt(0)};`].at(index % 4),
    ).join('');
    expect(scrubber.scrubText(`<${mixed}>`).text).toBe(`<${'*'.repeat(mixed.length)}>`);
  });

  test('several secrets, one inside the other and overlapping', () => {
    const both = scrubberOf('abcdefgh', 'efghijkl', 'cdef');
    expect(both.scrubText('..abcdefghijkl.. cdef')).toEqual({ text: '..************.. ****', hits: 2 });
    const bytes = Buffer.from('..abcdefghijkl.. cdef ab');
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
      expect(scrubChunks(both, chunks).text, `cut at ${cut}`).toBe('..************.. **** ab');
    }
  });

  test('non-ASCII secrets as UTF-8, Latin-1 and JSON escapes', () => {
    const umlaut = scrubberOf('pässwörd-für-alle');
    const escaped = 'p\\u00e4ssw\\u00f6rd-f\\u00fcr-alle';
    expect(umlaut.scrubText(`[${escaped}]`).hits).toBe(1);
    expect(umlaut.scrubText('[pässwörd-für-alle]').hits).toBe(1);
    expect(scrubChunks(umlaut, [Buffer.from('[pässwörd-für-alle]')]).text).toMatch(/^\[\*+\]$/);
  });

  test('a text without a secret comes back as the same string', () => {
    const text = 'nothing to see: %41 \\u0041 &amp; sk-live_9f';
    expect(scrubber.scrubText(text)).toEqual({ text, hits: 0 });
  });

  test('holds back nothing of a chunk that ends in no beginning of a secret', () => {
    const stream = scrubber.stream();
    expect(Buffer.concat(stream.push(Buffer.from('data: hello\n\n'))).toString()).toBe('data: hello\n\n');
    expect(stream.heldBytes).toBe(0);
  });

  test('holds no more than its longest escaped needle, however long a beginning goes on', () => {
    const stream = scrubberOf('aaaaaaaab').stream();
    let out = 0;
    for (let sent = 0; sent < 50; sent += 1) {
      for (const bytes of stream.push(Buffer.alloc(1000, 'a'))) out += bytes.length;
      expect(stream.heldBytes).toBeLessThanOrEqual(10 * 18);
    }
    for (const bytes of stream.end()) out += bytes.length;
    expect(out).toBe(50_000);
  });

  test('a secret cut off by the end of the body is masked too', () => {
    expect(scrubChunks(scrubber, [Buffer.from(`x ${SECRET.slice(0, -1)}`)]).text).toBe(
      `x ${'*'.repeat(SECRET.length - 1)}`,
    );
    expect(scrubChunks(scrubber, [Buffer.from('x sk-l')]).text).toBe('x sk-l');
  });

  test('the buffer of an earlier chunk may be reused', () => {
    const stream = scrubber.stream();
    const buffer = Buffer.from(`x ${SECRET.slice(0, 10)}`);
    const first = Buffer.concat(stream.push(buffer)).toString();
    buffer.fill('!');
    const rest = Buffer.concat([...stream.push(Buffer.from(`${SECRET.slice(10)} y`)), ...stream.end()]).toString();
    expect(first + rest).toBe(`x ${'*'.repeat(SECRET.length)} y`);
  });

  test('is compiled once for one list of secrets, and not at all for what cannot be looked for', () => {
    const secrets = [new Secret('long-enough')];
    expect(compileScrubber(secrets)).toBe(compileScrubber(secrets));
    expect(compileScrubber([])).toBeUndefined();
    expect(compileScrubber([new Secret('abc')])).toBeUndefined();
  });
});

describe('a part of an answer, which begins inside', () => {
  const LONG = 'sk-live_9f/+Q~"z=\\%&<Ab1c2D3e4F5g6H';
  const scrubber = scrubberOf(LONG);
  const escapes: Record<string, (char: string) => string> = {
    raw: (char) => char,
    percent: (char) => `%${hex(char, 2)}`,
    JSON: (char) => `\\u${hex(char, 4)}`,
    HTML: (char) => `&#x${hex(char, 2)};`,
  };

  test.each(Object.keys(escapes))('%s: the end of a secret is masked, wherever the part begins', (name) => {
    const chars = Array.from(LONG, escapes[name] ?? String);
    const text = chars.join('');
    const size = chars[0]?.length ?? 1;
    for (let first = 1; first < text.length; first += 1) {
      for (const tail of ['', '-tail'.repeat(100)]) {
        const whole = Buffer.from(text.slice(first) + tail);
        for (const cut of [whole.length, 1, 7]) {
          const stream = scrubber.stream(true);
          const out: Buffer[] = [];
          for (let at = 0; at < whole.length; at += cut)
            out.push(...stream.push(Buffer.from(whole.subarray(at, at + cut))));
          const clean = Buffer.concat([...out, ...stream.end()]).toString();
          expect(clean.length).toBe(whole.length);
          expect(clean.endsWith(tail)).toBe(true);
          // Fewer than 8 characters may be left, with a part of one that was cut.
          expect(clean.replaceAll('*', '').length - tail.length).toBeLessThan(8 * size);
          if ((text.length - first) / size >= 9) expect(clean).toContain('********');
        }
      }
    }
  });

  test('the middle of a secret is masked when nothing follows', () => {
    const stream = scrubber.stream(true);
    expect(Buffer.concat([...stream.push(Buffer.from(LONG.slice(3, 19))), ...stream.end()]).toString()).toBe(
      '*'.repeat(16),
    );
  });

  test.each([40, 400])('what is no secret passes, once, and a whole one further on is found: %i', (times) => {
    const body = Buffer.from(`${'live and let live '.repeat(times)}${LONG}.`);
    for (const cut of [body.length, 1_000, 7]) {
      const stream = scrubber.stream(true);
      const out: Buffer[] = [];
      for (let at = 0; at < body.length; at += cut) {
        out.push(...stream.push(Buffer.from(body.subarray(at, at + cut))).map((piece) => Buffer.from(piece)));
      }
      const clean = Buffer.concat([...out, ...stream.end()]).toString();
      expect(clean).toBe(body.toString().replace(LONG, '*'.repeat(LONG.length)));
      expect([stream.hits, stream.heldBytes]).toEqual([1, 0]);
    }
  });
});
