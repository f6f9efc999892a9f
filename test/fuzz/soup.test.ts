import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
function scrub(scrubber: Scrubber, body: Buffer, sizes: number[]): Buffer {
  const stream = scrubber.stream();
  const out: Buffer[] = [];
  for (let at = 0, turn = 0; at < body.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    out.push(...stream.push(Buffer.from(body.subarray(at, at + size))).map((bytes) => Buffer.from(bytes)));
    at += size;
  }
  out.push(...stream.end());
  return Buffer.concat(out);
}
const unit = fc.constantFrom(...'%%%2255Au0\\\\x&#;41c');
const esc: ((c: string) => string)[] = [
  (c) => c, (c) => c,
  (c) => `%${c.charCodeAt(0).toString(16)}`,
  (c) => `%25${c.charCodeAt(0).toString(16)}`,
  (c) => `%2525${c.charCodeAt(0).toString(16)}`,
  (c) => `\\u00${c.charCodeAt(0).toString(16)}`,
  (c) => `\\\\u00${c.charCodeAt(0).toString(16)}`,
  (c) => `%5cu00${c.charCodeAt(0).toString(16)}`,
  (c) => `&#x${c.charCodeAt(0).toString(16)};`,
  (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  (c) => /[\\%&#;]/.test(c) ? `\\${c}` : c,
  (c) => /[\\]/.test(c) ? '\\\\\\\\' : c,
];
const S = Number(process.env['FUZZ_SECONDS'] ?? 5);
test('soup', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit, minLength: 4, maxLength: 20 }), { minLength: 1, maxLength: 2 }),
      fc.array(fc.tuple(fc.string({ unit, maxLength: 4 }), fc.nat({ max: 1 }), fc.array(fc.nat({ max: esc.length - 1 }), { minLength: 1, maxLength: 6 }), fc.nat({ max: 8 }), fc.nat({ max: 8 })), { maxLength: 3 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
      (values, parts, sizes) => {
        const s = compileScrubber(values.map((v) => new Secret(v)))!;
        let text = '';
        for (const [f, w, e, skip, drop] of parts) {
          const r = Array.from(values[w % values.length]!, (c, i) => esc[e[i % e.length]!]!(c)).join('');
          text += f + r.slice(skip > 5 ? skip - 5 : 0, r.length - (drop > 5 ? drop - 5 : 0));
        }
        const body = Buffer.from(text, 'latin1');
        expect(scrub(s, body, sizes).toString('latin1')).toBe(scrub(s, body, [Math.max(1, body.length)]).toString('latin1'));
      },
    ),
    { numRuns: 100_000_000, interruptAfterTimeLimit: S * 1000, markInterruptAsFailure: false },
  );
}, (S + 60) * 1000);
