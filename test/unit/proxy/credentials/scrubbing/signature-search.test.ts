import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { compileScrubber, type Scrubber, scrubberOfCall } from '../../../../../proxy/credentials/scrubbing/scrub.ts';
import { renderings } from '../../../../support/protocols/renderings.ts';

const TOKEN = [new Secret('tok_Kz~8mXK1EalYznwH')];
const digest = createHash('sha256').update('a call').digest();
const SIGNATURES: Record<string, string> = {
  'in hex': digest.toString('hex'),
  'in base64': digest.toString('base64').slice(0, 43),
  'in other characters': `v1!${digest.toString('hex')}`,
};

function scrubberFor(signature: string): Scrubber {
  const scrubber = scrubberOfCall(TOKEN, [new Secret(signature)]);
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

function scrub(scrubber: Scrubber, chunks: Buffer[], isInside = false): string {
  const stream = scrubber.stream(isInside);
  const out = chunks.flatMap((chunk) => stream.push(Buffer.from(chunk)).map((bytes) => Buffer.from(bytes)));
  return Buffer.concat([...out, ...stream.end()]).toString('latin1');
}

describe.each(Object.entries(SIGNATURES))('a signature %s', (_, signature) => {
  test.each(renderings(signature))('%s, on every cut', (_name, rendered) => {
    const body = Buffer.from(`{"you sent": "${rendered}", "as": "tok_Kz~8mXK1EalYznwH"}`, 'latin1');
    const clean = `{"you sent": "${'*'.repeat(rendered.length)}", "as": "${'*'.repeat(20)}"}`;
    for (let cut = 0; cut <= body.length; cut += 1) {
      const scrubber = scrubberFor(signature);
      expect(scrub(scrubber, [body.subarray(0, cut), body.subarray(cut)]), `cut at ${cut}`).toBe(clean);
    }
    expect(scrub(scrubberFor(signature), [body])).toBe(clean);
  });

  test.each(renderings(signature))('%s, cut off behind eight characters and begun in the middle', (_name, rendered) => {
    const half = Buffer.from(rendered.slice(rendered.length >> 1), 'latin1');
    const inside = scrub(scrubberFor(signature), [half, Buffer.from('} tail')], true);
    expect(inside.endsWith('} tail')).toBe(true);
    expect(inside).toContain('*'.repeat(8));
    const first = Buffer.from(rendered.slice(0, rendered.length >> 1), 'latin1');
    expect(scrub(scrubberFor(signature), [Buffer.from('head {'), first])).toMatch(/^head \{[^*]{0,9}\*+$/);
  });

  test('in the text of a header, a list of texts, and not where it is not', () => {
    const scrubber = scrubberFor(signature);
    expect(scrubber.scrubText(signature)).toEqual({ text: '*'.repeat(signature.length), hits: 1 });
    expect(scrubber.scrubText(`sig=${signature}, x`)).toEqual({
      text: `sig=${'*'.repeat(signature.length)}, x`,
      hits: 1,
    });
    expect(scrubber.holds([['a', `sig=${signature}`]])).toBe(true);
    expect(scrubber.holds([[signature.slice(0, 20), signature.slice(20)]])).toBe(false);
    expect(scrubber.scrubText(signature.slice(1))).toEqual({ text: signature.slice(1), hits: 0 });
    expect(scrubber.scrubText('tok_Kz~8mXK1EalYznwH').hits).toBe(1);
  });
});

test('two signatures of one call, and none', () => {
  const [hex = '', base64 = ''] = Object.values(SIGNATURES);
  const scrubber = scrubberOfCall(
    [],
    [hex, base64].map((text) => new Secret(text)),
  );
  expect(scrubber?.scrubText(`${base64} ${hex}`)).toEqual({ text: `${'*'.repeat(43)} ${'*'.repeat(64)}`, hits: 2 });
  expect(scrubberOfCall([], [])).toBeUndefined();
  expect(scrubberOfCall(TOKEN, [])).toBe(compileScrubber(TOKEN));
});

test('a signature much shorter than another of its call is found where nothing else stands', () => {
  const [hex = '', base64 = ''] = Object.values(SIGNATURES);
  const short = base64.slice(0, 27);
  const scrubber = scrubberOfCall(
    [],
    [hex, short].map((text) => new Secret(text)),
  );
  expect(scrubber?.scrubText(short)).toEqual({ text: '*'.repeat(27), hits: 1 });
});

test('a signature in escapes as long as they may be is found, wherever its first ones are cut', () => {
  const signature = SIGNATURES['in hex'] ?? '';
  const rendered = Array.from(signature, (char) => `&#${String(char.charCodeAt(0)).padStart(15, '0')};`).join('');
  const body = Buffer.from(`you sent ${rendered}.`);
  for (let cut = 9; cut < 9 + 3 * 18; cut += 1) {
    const chunks = [body.subarray(0, cut), body.subarray(cut)];
    expect(scrub(scrubberFor(signature), chunks), `cut at ${cut}`).toBe(`you sent ${'*'.repeat(rendered.length)}.`);
  }
});

test('a long row of letters is not held back', () => {
  const scrubber = scrubberFor(SIGNATURES['in hex'] ?? '');
  const row = Buffer.from('0123456789abcdef'.repeat(40));
  const stream = scrubber.stream();
  expect(Buffer.concat(stream.push(Buffer.from(row))).length).toBeGreaterThan(row.length - 16);
});
