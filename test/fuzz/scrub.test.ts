import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../common/secret.ts';
import { compileScrubber, type Scrubber, scrubberOfCall } from '../../proxy/credentials/scrubbing/scrub.ts';
import { timeBox } from '../support/time-box.ts';

const { seconds: SECONDS, runs: TIME_BOX } = timeBox();

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
const point = (char: string) => char.codePointAt(0) ?? 0;
const perByte = (char: string, make: (byte: number) => string) => Array.from(Buffer.from(char), make).join('');
const perUnit = (char: string, make: (unit: number) => string) =>
  Array.from({ length: char.length }, (_, at) => make(char.charCodeAt(at))).join('');
const ESCAPES: readonly ((char: string) => string)[] = [
  (char) => char,
  (char) => char,
  (char) => perByte(char, (byte) => `%${hex(byte, 2)}`),
  (char) => perByte(char, (byte) => `%25${hex(byte, 2).toUpperCase()}`),
  (char) => perByte(char, (byte) => `%2525${hex(byte, 2)}`),
  (char) => perUnit(char, (unit) => `%u${hex(unit, 4)}`),
  (char) => perUnit(char, (unit) => `\\u${hex(unit, 4)}`),
  (char) => perUnit(char, (unit) => `\\u${hex(unit, 4).toUpperCase()}`),
  (char) => perUnit(char, (unit) => `%5Cu${hex(unit, 4)}`),
  (char) => perByte(char, (byte) => `\\\\x${hex(byte, 2)}`),
  (char) => perByte(char, (byte) => `\\${byte.toString(8).padStart(3, '0')}`),
  (char) => `\\u{${hex(point(char), 1)}}`,
  (char) => `\\U${hex(point(char), 8)}`,
  (char) => `&#${point(char)};`,
  (char) => `&#x${hex(point(char), 2)};`,
  (char) => perUnit(char, (unit) => `\\\\\\\\u${hex(unit, 4)}`),
  (char) => (/[!-/:-@[-`{-~]/.test(char) ? `\\${char}` : char),
  (char) => NAMES[char] ?? char,
];
const NAMES: Readonly<Record<string, string>> = {
  '.': '&period;',
  _: '&lowbar;',
  '+': '&plus;',
  '/': '&sol;',
  '=': '&equals;',
  ':': '&colon;',
  '@': '&commat;',
  '!': '&excl;',
  '%': '&percnt;',
  '&': '&amp;',
  '"': '&quot;',
};

const tokenChar = fc.constantFrom(...'ABab09._~-+/=:@!%&" ßд鍵🔑');
const secrets = fc.array(fc.string({ unit: tokenChar, minLength: 4, maxLength: 80 }), { minLength: 1, maxLength: 3 });
const filler = fc.string({ unit: fc.constantFrom(...'ABab09 %\\&#;uxU{}"\n'), maxLength: 30 });
/** A secret's number, an escape for each character (used round and round), and its whole rendering. */
const occurrence = fc.record({
  which: fc.nat({ max: 2 }),
  escapes: fc.array(fc.nat({ max: ESCAPES.length - 1 }), { minLength: 1, maxLength: 12 }),
  whole: fc.constantFrom('escaped', 'base64', 'base64url', 'hex', 'utf16le', 'utf16be'),
  lines: fc.record({
    every: fc.integer({ min: 60, max: 80 }),
    by: fc.constantFrom('', '\n', '\r\n', '\\n', '\\r\\n', '\\u000a', '%0D%0A', '&#10;'),
  }),
});
type Occurrence = typeof occurrence extends fc.Arbitrary<infer Value> ? Value : never;
const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 });

/** Each character of the secret escaped, as bytes: one character for each byte of UTF-8. */
function escaped(secret: string, escapes: number[]): string[] {
  return Array.from(secret, (char, at) =>
    Buffer.from(ESCAPES[escapes[at % escapes.length] ?? 0]?.(char) ?? char).toString('latin1'),
  );
}

function render(secret: string, { escapes, whole, lines }: Occurrence): string {
  if (whole === 'escaped') return escaped(secret, escapes).join('');
  const wide = Buffer.from(secret, 'utf16le');
  if (whole === 'utf16le') return wide.toString('latin1');
  if (whole === 'utf16be') return wide.swap16().toString('latin1');
  const text = Buffer.from(secret).toString(whole as 'base64' | 'base64url' | 'hex');
  const [last = ''] = /.?=*$/.exec(text) ?? [];
  const folded = text.slice(0, text.length - last.length).match(new RegExp(`.{1,${lines.every}}`, 'g')) ?? [];
  return folded.join(lines.by) + last;
}

function scrub(scrubber: Scrubber, body: Buffer, sizes: number[], isInside = false, hasLulls = false): Buffer {
  const stream = scrubber.stream(isInside);
  const out: Buffer[] = [];
  for (let at = 0, turn = 0; at < body.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const chunk = Buffer.from(body.subarray(at, at + size));
    out.push(...stream.push(chunk).map((bytes) => Buffer.from(bytes)));
    chunk.fill(0xff);
    if (hasLulls && turn % 3 !== 2) out.push(...stream.lull());
    at += size;
  }
  out.push(...stream.end());
  return Buffer.concat(out);
}

/** Secrets in what stands between them, and where the body is cut. */
const bodies = fc.record({
  values: secrets,
  parts: fc.array(fc.tuple(filler, occurrence), { maxLength: 4 }),
  tail: filler,
  sizes: cuts,
});

function scrubberOf(values: readonly string[]): Scrubber {
  const scrubber = compileScrubber(values.map((value) => new Secret(value)));
  if (scrubber === undefined) throw new Error('nothing to scrub');
  return scrubber;
}

test(
  'no rendering of a secret survives, no length changes, and the cuts do not matter',
  () => {
    const property = fc.property(bodies, ({ values, parts, tail, sizes }) => {
      const scrubber = scrubberOf(values);
      const rendered = parts.map(([before, what]) => [before, render(values[what.which % values.length] ?? '', what)]);
      const text = rendered.flat().join('') + tail;
      const body = Buffer.from(text, 'latin1');
      const whole = scrub(scrubber, body, [Math.max(1, body.length)]);
      expect(whole.length).toBe(body.length);
      expect(scrub(scrubber, body, sizes).toString('latin1')).toBe(whole.toString('latin1'));
      // Whatever was put in is gone from its place. base64 may keep its last character, which holds 4 bits at most.
      let at = 0;
      for (const [before, occurred] of rendered) {
        at += before?.length ?? 0;
        const left = whole.toString('latin1', at, at + (occurred?.length ?? 0)).replace(/[A-Za-z0-9+/_-]?=*$/, '');
        expect(left).toMatch(/^\**$/);
        at += occurred?.length ?? 0;
      }
      for (const value of values) expect(whole.includes(value)).toBe(false);
    });
    fc.assert(property, TIME_BOX);
  },
  (SECONDS + 30) * 1000,
);

test(
  'lulls show a little of a secret and hide nothing else, whatever the cuts',
  () => {
    const property = fc.property(bodies, ({ values, parts, tail, sizes }) => {
      const scrubber = scrubberOf(values);
      const text = parts.map(([before, what]) => before + render(values[what.which % values.length] ?? '', what));
      const body = Buffer.from(text.join('') + tail, 'latin1');
      const whole = scrub(scrubber, body, [Math.max(1, body.length)]).toString('latin1');
      const lulled = scrub(scrubber, body, sizes, false, true).toString('latin1');
      expect(lulled.length).toBe(whole.length);
      // Where they differ, the body shows in place of a mask.
      for (let at = 0; at < body.length; at += 1) {
        if (lulled[at] !== whole[at])
          expect([whole[at], lulled[at]]).toEqual(['*', body.toString('latin1', at, at + 1)]);
      }
      for (const { secret, from, to, count } of shownIn(values, parts, lulled)) {
        if (whole.slice(from, to).includes('*')) expect(count, secret).toBeLessThan(Math.max(1, secret.length / 4));
      }
    });
    fc.assert(property, TIME_BOX);
  },
  (SECONDS + 30) * 1000,
);

/** How many characters of each escaped secret are to be read. */
function* shownIn(values: string[], parts: [string, Occurrence][], text: string) {
  let at = 0;
  for (const [before, what] of parts) {
    at += Buffer.from(before).length;
    const secret = values[what.which % values.length] ?? '';
    const rendered = render(secret, what);
    const from = at;
    at += rendered.length;
    if (what.whole !== 'escaped') continue;
    let [count, end] = [0, from];
    for (const char of escaped(secret, what.escapes)) {
      if (!text.slice(end, end + char.length).includes('*')) count += 1;
      end += char.length;
    }
    yield { secret: Buffer.from(secret).toString('latin1'), from, to: at, count };
  }
}

const longSecrets = fc.string({ unit: tokenChar, minLength: 32, maxLength: 60 });

test(
  'a part that begins inside a rendering shows nothing of it but a glimpse',
  () => {
    const escapes = fc.array(fc.nat({ max: ESCAPES.length - 1 }), { minLength: 1, maxLength: 12 });
    const property = fc.property(
      longSecrets,
      escapes,
      fc.nat({ max: 10_000 }),
      filler,
      cuts,
      (secret, used, place, tail, sizes) => {
        const chars = escaped(secret, used);
        const rendered = chars.join('');
        const from = 1 + (place % (rendered.length - 1));
        const scrubber = scrubberOf([secret]);
        const body = Buffer.from(rendered.slice(from) + tail, 'latin1');
        const clean = scrub(scrubber, body, sizes, true).toString('latin1');
        expect(clean.length).toBe(body.length);
        // The first character that is there whole, and where it stands in the part.
        let index = 0;
        let at = 0;
        while (at < from) at += chars[index++]?.length ?? 1;
        if (chars.length - index >= 8) expect(clean.slice(at - from, rendered.length - from)).toMatch(/^\**$/);
      },
    );
    fc.assert(property, TIME_BOX);
  },
  (SECONDS + 30) * 1000,
);

const signatures = fc.record({
  hex: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 40, maxLength: 64 }),
  base64: fc.string({ unit: fc.constantFrom(...'ABab09+/-_xyz'), minLength: 27, maxLength: 60 }),
});
/** A signature, or a piece of one: a repeated rendering with some characters missing at each end. */
const glimpse = fc.record({
  occurrence,
  skip: fc.oneof(fc.constant(0), fc.nat({ max: 40 })),
  drop: fc.oneof(fc.constant(0), fc.nat({ max: 40 })),
  wide: fc.boolean(),
});

test(
  'signatures are found as other secrets are, whatever the cuts',
  () => {
    fc.assert(
      fc.property(
        signatures,
        fc.array(fc.tuple(filler, glimpse), { maxLength: 4 }),
        cuts,
        fc.boolean(),
        ({ hex: first, base64 }, parts, sizes, isInside) => {
          const values = [first, base64];
          const secretsOfCall = values.map((value) => new Secret(value));
          let text = '';
          for (const [before, { occurrence: one, skip, drop, wide }] of parts) {
            const whole = render(values[one.which % 2] ?? '', one);
            const spread = wide ? Buffer.from(whole, 'utf16le').toString('latin1') : whole;
            text += before + spread.slice(skip, spread.length - drop);
          }
          const usual = compileScrubber(secretsOfCall);
          const ofCall = scrubberOfCall([], secretsOfCall);
          if (usual === undefined || ofCall === undefined) throw new Error('nothing to scrub');
          const body = Buffer.from(text, 'latin1');
          expect(scrub(ofCall, body, sizes, isInside).toString('latin1')).toBe(
            scrub(usual, body, sizes, isInside).toString('latin1'),
          );
          // No field holds a NUL.
          const field = text.replaceAll('\0', '');
          expect(ofCall.scrubText(field)).toEqual(usual.scrubText(field));
        },
      ),
      TIME_BOX,
    );
  },
  (SECONDS + 30) * 1000,
);
