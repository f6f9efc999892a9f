import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { compileScrubber, type Scrubber } from '../../proxy/credentials/scrubbing/scrub.ts';
import { cutInto } from '../support/protocols/pieces.ts';
import { timeBox } from '../support/time-box.ts';

/** Secrets that read as escapes themselves, so that there are many ways to read what holds them. */
const { seconds, runs } = timeBox();

const hex = (char: string) => char.charCodeAt(0).toString(16);
const ESCAPES: readonly ((char: string) => string)[] = [
  (char) => char,
  (char) => char,
  (char) => `%${hex(char)}`,
  (char) => `%25${hex(char)}`,
  (char) => `%2525${hex(char)}`,
  (char) => `\\u00${hex(char)}`,
  (char) => `\\\\u00${hex(char)}`,
  (char) => `%5cu00${hex(char)}`,
  (char) => `\\x${hex(char)}`,
  (char) => `&#x${hex(char)};`,
  (char) => (/[\\%&#;]/.test(char) ? `\\${char}` : char),
  (char) => (char === '\\' ? '\\\\\\\\' : char),
];

const unit = fc.constantFrom(...'%%%2255Au0\\\\x&#;41c');
const occurrence = fc.record({
  before: fc.string({ unit, maxLength: 4 }),
  which: fc.nat({ max: 1 }),
  escapes: fc.array(fc.constantFrom(...ESCAPES), { minLength: 1, maxLength: 6 }),
  lacks: fc.constantFrom([0, 0], [0, 0], [0, 0], [1, 0], [3, 0], [0, 1], [0, 3]),
});
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });

function scrub(scrubber: Scrubber, body: Buffer, sizes: readonly number[]): string {
  const stream = scrubber.stream();
  const out = cutInto(body, sizes).flatMap((piece) => stream.push(piece).map((bytes) => Buffer.from(bytes)));
  return Buffer.concat([...out, ...stream.end()]).toString('latin1');
}

test(
  'secrets that read as escapes are found whichever way they are escaped, and the cuts do not matter',
  () => {
    const property = fc.property(
      fc.array(fc.string({ unit, minLength: 4, maxLength: 12 }), { minLength: 1, maxLength: 2 }),
      fc.array(occurrence, { maxLength: 3 }),
      cuts,
      (values, parts, sizes) => {
        const scrubber = compileScrubber(values.map((value) => new Secret(value)));
        if (scrubber === undefined) throw new Error('nothing to scrub');
        let text = '';
        const wholes: [number, number][] = [];
        for (const { before, which, escapes, lacks } of parts) {
          const chars = Array.from(values[which % values.length] ?? '');
          const rendered = chars.map((char, at) => escapes[at % escapes.length]?.(char) ?? char).join('');
          const [ahead = 0, behind = 0] = lacks;
          text += before;
          if (ahead + behind === 0) wholes.push([text.length, text.length + rendered.length]);
          text += rendered.slice(ahead, rendered.length - behind);
        }
        const whole = scrub(scrubber, Buffer.from(text), [Math.max(1, text.length)]);
        expect(scrub(scrubber, Buffer.from(text), sizes)).toBe(whole);
        for (const [from, to] of wholes) expect(whole.slice(from, to)).toBe('*'.repeat(to - from));
      },
    );
    fc.assert(property, runs);
  },
  (seconds + 30) * 1000,
);
