import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEscapeForms } from '../../../../../proxy/credentials/scrubbing/escape-forms.ts';
import { EscapeStarts, NOTHING, UNTOLD } from '../../../../../proxy/credentials/scrubbing/escape-starts.ts';
import { readEscape } from '../../../../../proxy/credentials/scrubbing/escapes.ts';
import { leadOf } from '../../../../../proxy/credentials/scrubbing/utf8-word.ts';

function countingOf(bytes: Iterable<number>): Uint8Array {
  const counts = new Uint8Array(256);
  for (const byte of bytes) counts[byte] = 1;
  return counts;
}

/** With what the escape may begin that counts, when it is read whole. */
function leads(bytes: Buffer, counts: Uint8Array): number[] {
  const forms = createEscapeForms();
  readEscape(bytes, 0, bytes.length, forms);
  const all = Array.from(forms.words.subarray(0, forms.count), leadOf);
  return [...new Set(all.filter((lead) => counts[lead] === 1))];
}

function agrees(starts: EscapeStarts, counts: Uint8Array, bytes: Buffer): boolean {
  const told = starts.byteAt(bytes, 0, bytes.length);
  return told === UNTOLD || leads(bytes, counts).every((lead) => lead === told);
}

const ALPHABETS = ['', 'abcXYZ019-_', '%&\\"\n\r', '_', '<', 'é', '\0\x7f\xff'].map((text) =>
  countingOf(Buffer.from(text)),
);
const TAILS = ['', '1', '1;', 'u0041', '41', 't;', 'mp;', 'uot;', 'owbar;', 'x41;', '\\n', '5Cn', '"'];

test('what the first bytes tell is what the whole escape says, whatever the first three are', () => {
  const starts = ALPHABETS.map((counts) => new EscapeStarts(counts));
  for (const introducer of Buffer.from('%&\\')) {
    for (let two = 0; two < 65_536; two += 1) {
      const which = two % ALPHABETS.length;
      const counts = ALPHABETS[which] as Uint8Array;
      const tail = Buffer.from(TAILS[(two >> 3) % TAILS.length] ?? '');
      const bytes = Buffer.concat([Buffer.of(introducer, two >> 8, two & 0xff), tail]);
      if (!agrees(starts[which] as EscapeStarts, counts, bytes))
        expect.fail(`told wrongly: ${bytes.toString('latin1')}`);
    }
  }
});

test('the same of every UTF-16 code unit', () => {
  const starts = ALPHABETS.map((counts) => new EscapeStarts(counts));
  for (let unit = 0; unit < 65_536; unit += 1) {
    const bytes = Buffer.from(`\\u${unit.toString(16).padStart(4, '0')}\\udd11`);
    starts.forEach((one, which) => {
      if (!agrees(one, ALPHABETS[which] as Uint8Array, bytes)) expect.fail(`told wrongly: ${bytes.toString('latin1')}`);
    });
  }
});

test('the same of any escape, and of any that is cut', () => {
  const tail = fc.string({ unit: fc.constantFrom(...'%&\\#;xuU{}05afnt"/lowbar'), maxLength: 20 });
  const counting = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(counting, fc.constantFrom('%', '&', '\\'), tail, (list, introducer, rest) => {
      const counts = countingOf(list);
      const bytes = Buffer.from(introducer + rest);
      const starts = new EscapeStarts(counts);
      for (let end = 1; end <= bytes.length; end += 1)
        expect(agrees(starts, counts, bytes.subarray(0, end))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

const usual = countingOf(Buffer.from('abcdefABCDEF0123456789-_.'));
test.each([
  ['\\"', NOTHING],
  ['\\/', NOTHING],
  ['\\_', 0x5f],
  ['\\n', NOTHING],
  ['\\u', UNTOLD],
  ['\\u0041', 0x41],
  ['\\u0022', NOTHING],
  ['\\u2014', NOTHING],
  ['\\u004', UNTOLD],
  ['\\u{41}', UNTOLD],
  ['\\ud83d', UNTOLD],
  ['\\\\', UNTOLD],
  ['\\\\"', NOTHING],
  ['\\\\\\\\_', 0x5f],
  ['\\\\\\\\\\_', NOTHING],
  ['\\\\u0041', UNTOLD],
  ['& ', NOTHING],
  ['&amp;', NOTHING],
  ['&lt;', 0x5f],
  ['&#', UNTOLD],
  ['%3A', NOTHING],
  ['%41', 0x41],
  ['%4', UNTOLD],
  ['%25', UNTOLD],
  ['%c3', NOTHING],
  ['%zz', NOTHING],
  ['%', NOTHING],
])('%j tells by its first bytes: %i', (text, told) => {
  const bytes = Buffer.from(text);
  expect(new EscapeStarts(usual).byteAt(bytes, 0, bytes.length)).toBe(told);
});
