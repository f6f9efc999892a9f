import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NeedleSet } from '../../../../../proxy/credentials/scrubbing/needle-set.ts';

type Place = [start: number, end: number];

function found(needles: readonly string[], text: string, end: number): Place[] {
  const places: Place[] = [];
  const add = (start: number, stop: number): unknown => places.push([start, stop]);
  new NeedleSet(needles.map((needle) => Buffer.from(needle))).search(Buffer.from(text), end, { add });
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

test('knows the longest', () => {
  expect(new NeedleSet(['abcd', 'abcdef', 'abcde'].map((needle) => Buffer.from(needle))).longest).toBe(6);
});
