import { expect, test } from 'vitest';
import { ElementMatcher, INCOMPLETE, NO_ESCAPE } from '../../../../../proxy/credentials/scrubbing/element-matcher.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text);
const [PLAIN, FOLDED] = [bytesOf('a%é&'), bytesOf('a%é&')];
const matcher = new ElementMatcher([FOLDED]);

/** `[bytes of input, bytes of the needle]` of each reading, and whether the input's end cut one. */
function readings(needle: Buffer, index: number, input: string, at = 0) {
  const bytes = bytesOf(input);
  const count = matcher.match(needle, index, bytes, at, bytes.length);
  const ways = Array.from({ length: count }, (_, way) => [matcher.lengths[way], matcher.takens[way]]);
  return { ways, isCut: matcher.isCut };
}

test.each<[input: string, index: number, ways: [number, number][], isCut: boolean]>([
  ['a', 0, [[1, 1]], false],
  ['b', 0, [], false],
  ['%61', 0, [[3, 1]], false],
  ['%2561', 0, [[5, 1]], false],
  ['%62', 0, [], false],
  ['%6', 0, [], true],
  ['&#97;', 0, [[5, 1]], false],
  ['&#97', 0, [], true],
  ['\\u0061', 0, [[6, 1]], false],
  ['%', 1, [[1, 1]], true],
  ['%zz', 1, [[1, 1]], false],
  [
    '%25',
    1,
    [
      [3, 1],
      [1, 1],
    ],
    true,
  ],
  [
    '%25zz',
    1,
    [
      [3, 1],
      [1, 1],
    ],
    false,
  ],
  [
    '%252525',
    1,
    [
      [3, 1],
      [5, 1],
      [7, 1],
      [1, 1],
    ],
    false,
  ],
  ['\\u00e9', 2, [[6, 2]], false],
  ['é', 2, [[1, 1]], false],
  [
    '&amp;',
    4,
    [
      [5, 1],
      [1, 1],
    ],
    false,
  ],
])('%j stands for character %i: %j', (input, index, ways, isCut) => {
  expect(readings(PLAIN, index, input)).toEqual({ ways, isCut });
  // What was read before says nothing of this.
  readings(PLAIN, 1, '%25');
  expect(readings(PLAIN, index, input)).toEqual({ ways, isCut });
});

test.each<[input: string, at: number, index: number, length: number | undefined]>([
  ['\n', 0, 2, 1],
  ['\n', 0, 0, undefined],
  ['\r\n', 1, 2, 1],
  ['\n\n', 1, 2, undefined],
  ['%0A', 0, 2, 3],
  ['%0A', 0, 0, undefined],
  ['\\n', 0, 2, 2],
  ['%09', 0, 2, undefined],
])('a line may end within what is folded alone: %j at %i, before character %i', (input, at, index, length) => {
  expect(readings(PLAIN, index, input, at).ways).toEqual([]);
  expect(readings(FOLDED, index, input, at).ways).toEqual(length === undefined ? [] : [[length, 0]]);
  expect([matcher.isFolded(PLAIN), matcher.isFolded(FOLDED)]).toEqual([false, true]);
});

test.each<[input: string, ofA: boolean, all: number[] | undefined, escape: number]>([
  ['a', true, [0x61], NO_ESCAPE],
  ['b', false, [0x62], NO_ESCAPE],
  ['%61', true, [0x25, 0x61], 3],
  ['%62', false, [0x25, 0x62], 3],
  ['%6', true, undefined, INCOMPLETE],
  ['%zz', false, [0x25], NO_ESCAPE],
  ['\\u0061', true, [0x5c, 0x61], 6],
])('%j may be an a: %s; all that it may be: %j; its escape takes %i', (input, ofA, all, escape) => {
  const bytes = bytesOf(input);
  const table = new Uint8Array(256);
  table[0x61] = 1;
  expect(matcher.mayBeOf(table, bytes, 0, bytes.length)).toBe(ofA);
  expect(matcher.escapeBytes(bytes, 0, bytes.length)).toBe(escape);
  const found = matcher.bytesAt(bytes, 0, bytes.length);
  expect(found && [...new Set(found)].sort((a, b) => a - b)).toEqual(all?.sort((a, b) => a - b));
});
