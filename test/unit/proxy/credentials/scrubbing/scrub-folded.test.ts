import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../../../../proxy/credentials/scrubbing/scrub.ts';

const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm?~ü'.repeat(4);
const BREAKS = [
  '\r\n',
  '\n',
  '\\n',
  '\\r\\n',
  '\\\\r\\\\n',
  '\\u000d\\u000A',
  '\\x0a',
  '%0D%0A',
  '%250A',
  '&#13;&#10;',
  '&#xA;',
] as const;

function scrubberOf(secret: string): Scrubber {
  const scrubber = compileScrubber([new Secret(secret)]);
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

function scrubCut(scrubber: Scrubber, body: string, cut: number): string {
  const stream = scrubber.stream();
  const bytes = Buffer.from(body, 'latin1');
  const out = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((piece) => stream.push(Buffer.from(piece)));
  return Buffer.concat([...out, ...stream.end()]).toString('latin1');
}

const folded = (text: string, every: number, by: string): string =>
  (text.match(new RegExp(`.{1,${every}}`, 'g')) ?? []).join(by);

describe.each(BREAKS)('lines that end in %j', (by) => {
  test.each([
    ['base64', 76],
    ['base64', 64],
    ['base64url', 60],
    ['hex', 60],
    ['base64', 72],
  ] as const)('%s in lines of %i is found, at every cut', (encoding, every) => {
    const scrubber = scrubberOf(SECRET);
    for (const before of ['', 'a', 'ab']) {
      const body = folded(Buffer.from(`user:${before}${SECRET}, and more`).toString(encoding), every, by);
      const whole = scrubCut(scrubber, body, 0);
      expect(whole).toHaveLength(body.length);
      // Of the characters at both ends some hold bits of the neighbours too.
      const left = whole.replace(/\*+/, '*').replaceAll(by, '');
      expect(left).toMatch(/^[^*]{0,14}\*[^*]{0,20}$/);
      for (let cut = 1; cut < body.length; cut += 1) expect(scrubCut(scrubber, body, cut)).toBe(whole);
      // The lines are long, though little of them may be held.
      const stream = scrubber.stream();
      const out = [...Buffer.from(body)].flatMap((byte) =>
        stream.push(Buffer.of(byte)).map((bytes) => Buffer.from(bytes)),
      );
      expect(Buffer.concat([...out, ...stream.end()]).toString()).toBe(whole);
    }
  });
});

test.each(['\n', '\r\n'])('a line may end behind any of its first characters (%j), at every cut', (by) => {
  const scrubber = scrubberOf(SECRET);
  for (let before = 57; before > 42; before -= 1) {
    const body = folded(Buffer.from(`${'u'.repeat(before)}${SECRET}, and more`).toString('base64'), 76, by);
    const whole = scrubCut(scrubber, body, 0);
    expect(whole).toMatch(/^[^*]{57,78}\*+[^*]{10,20}$/);
    for (let cut = 50; cut < 120; cut += 1) expect(scrubCut(scrubber, body, cut)).toBe(whole);
  }
});

test('a secret itself is not looked for over line breaks, nor one that another text parts', () => {
  const scrubber = scrubberOf(SECRET);
  const base64 = Buffer.from(SECRET).toString('base64');
  for (const text of [
    folded(SECRET, 10, '\n'),
    folded(base64, 10, ' '),
    folded(base64, 10, '\n-'),
    folded(base64, 10, '\\t'),
  ]) {
    const body = Buffer.from(text).toString('latin1');
    expect(scrubCut(scrubber, body, 0)).toBe(body);
  }
});

test('of lines that end in what a secret holds, none is taken for it', () => {
  const scrubber = scrubberOf(SECRET);
  const body = 'c2stbGl2\nZS00Zjl\n\n\nhK1px\r\n'.repeat(500) + 'x';
  expect(scrubCut(scrubber, body, 333)).toBe(body);
});

test.each(['\n', '\r\n'])(
  'nothing of an event or a short line waits for what follows, whatever character ends it (%j)',
  (end) => {
    const scrubber = scrubberOf(SECRET);
    const long = 'a'.repeat(80);
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_') {
      for (const text of [
        `data: /messages?id=${last}${end}${end}`,
        `line ${last}${end}`,
        `data: ${long}${last}${end}${end}`,
      ]) {
        const stream = scrubber.stream();
        expect(Buffer.concat(stream.push(Buffer.from(text))).toString(), text).toBe(text);
        expect(stream.heldBytes).toBe(0);
      }
    }
  },
);
