import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NeedleSet } from '../../../../../proxy/credentials/scrubbing/needle-set.ts';

type Place = [start: number, end: number];

function found(needles: readonly string[], text: string, end: number, width?: number): Place[] {
  const places: Place[] = [];
  const add = (start: number, stop: number): unknown => places.push([start, stop]);
  new NeedleSet(
    needles.map((needle) => Buffer.from(needle)),
    width,
  ).search(Buffer.from(text), end, { add });
  return places;
}

/** At each place the longest that stands there. */
function expected(needles: readonly string[], text: string, end: number): Place[] {
  return Array.from(text.slice(0, end)).flatMap((_, start): Place[] => {
    const lengths = needles
      .filter((needle) => text.slice(0, end).startsWith(needle, start))
      .map(({ length }) => length);
    return lengths.length === 0 ? [] : [[start, start + Math.max(...lengths)]];
  });
}

const textOf = (letters: string, minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom(...letters), { minLength, maxLength }).map((list) => list.join(''));

test.each([
  ['few letters', 'ab', 4, 7],
  ['more letters', 'abcdP', 4, 9],
  ['long needles', 'ab', 46, 52],
])('finds each needle wherever it stands: %s', (_what, letters, least, most) => {
  const needles = fc.array(textOf(letters, least, most), { minLength: 1, maxLength: 4 });
  const between = fc.array(textOf(letters, 0, 6), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(needles, between, fc.nat(4), (given, parts, cut) => {
      const text = parts.map((part, at) => part + (given[at % given.length] ?? '')).join('');
      const end = Math.max(0, text.length - cut);
      expect(found(given, text, end)).toEqual(expected(given, text, end));
    }),
    { numRuns: 500 },
  );
});

test('finds each needle among much else, of which the search sees little', () => {
  const needles = fc.array(textOf('abcdP', 4, 30), { minLength: 1, maxLength: 4 });
  const between = fc.array(fc.tuple(textOf('abxyz\0', 0, 9), fc.nat(400)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(needles, between, fc.constantFrom(1, 4), (given, parts, width) => {
      const text = parts.map(([what, size], at) => what.repeat(50).slice(0, size) + (given[at % given.length] ?? ''));
      const whole = text.join('');
      expect(found(given, whole, whole.length, width)).toEqual(expected(given, whole, whole.length));
    }),
    { numRuns: 500 },
  );
});

test('finds wide characters wherever they stand', () => {
  const wide = (text: string, before: number, after: number) =>
    Array.from(text, (char) => '\0'.repeat(before) + char + '\0'.repeat(after)).join('');
  fc.assert(
    fc.property(textOf('abc', 4, 14), fc.nat(300), fc.nat(300), (secret, before, behind) => {
      const needles = [wide(secret, 0, 1), wide(secret, 1, 0), wide(secret, 0, 3), wide(secret, 3, 0)];
      const text = needles.map((needle) => '\0'.repeat(before) + needle + '\0'.repeat(behind)).join('');
      expect(found(needles, text, text.length, 4)).toEqual(expected(needles, text, text.length));
    }),
    { numRuns: 200 },
  );
});
