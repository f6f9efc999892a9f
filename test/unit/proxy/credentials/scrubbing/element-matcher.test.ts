import { expect, test } from 'vitest';
import { ElementMatcher, INCOMPLETE, NO_MATCH } from '../../../../../proxy/credentials/scrubbing/element-matcher.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text);
const [PLAIN, FOLDED] = [bytesOf('a%é&'), bytesOf('a%é&')];
const matcher = new ElementMatcher([FOLDED]);

test.each<[input: string, index: number, length: number, taken: number, mayBeLonger: boolean]>([
  ['a', 0, 1, 1, false],
  ['b', 0, NO_MATCH, 1, false],
  ['%61', 0, 3, 1, false],
  ['%2561', 0, 5, 1, false],
  ['%62', 0, NO_MATCH, 1, false],
  ['%6', 0, INCOMPLETE, 1, false],
  ['&#97;', 0, 5, 1, false],
  ['&#97', 0, INCOMPLETE, 1, false],
  ['\\u0061', 0, 6, 1, false],
  ['%', 1, INCOMPLETE, 1, false],
  ['%zz', 1, 1, 1, false],
  ['%25', 1, 3, 1, true],
  ['%25zz', 1, 3, 1, false],
  ['\\u00e9', 2, 6, 2, false],
  ['é', 2, 1, 1, false],
  ['&amp;', 4, 5, 1, false],
])('%j stands for character %i: %i bytes', (input, index, length, taken, mayBeLonger) => {
  const bytes = bytesOf(input);
  // What the element before said is not said of this one.
  for (const [before, at] of [
    ['\\u00e9', 2],
    ['%25', 1],
  ] as const) {
    matcher.match(PLAIN, at, bytesOf(before), 0, before.length);
    expect(matcher.match(PLAIN, index, bytes, 0, bytes.length)).toBe(length);
    if (length > 0) expect([matcher.taken, matcher.mayBeLonger]).toEqual([taken, mayBeLonger]);
  }
});

test.each<[input: string, at: number, index: number, length: number]>([
  ['\n', 0, 2, 1],
  ['\n', 0, 0, NO_MATCH],
  ['\r\n', 1, 2, 1],
  ['\n\n', 1, 2, NO_MATCH],
  ['%0A', 0, 2, 3],
  ['%0A', 0, 0, NO_MATCH],
  ['\\n', 0, 2, 2],
  ['%09', 0, 2, NO_MATCH],
])('a line may end within what is folded alone: %j at %i, before character %i', (input, at, index, length) => {
  const bytes = bytesOf(input);
  expect(matcher.match(PLAIN, index, bytes, at, bytes.length)).toBe(NO_MATCH);
  expect(matcher.match(FOLDED, index, bytes, at, bytes.length)).toBe(length);
  if (length > 0) expect(matcher.taken).toBe(0);
  expect([matcher.isFolded(PLAIN), matcher.isFolded(FOLDED)]).toEqual([false, true]);
});

test.each<[input: string, ofA: boolean, all: number[] | undefined, escape: number]>([
  ['a', true, [0x61], NO_MATCH],
  ['b', false, [0x62], NO_MATCH],
  ['%61', true, [0x25, 0x61], 3],
  ['%62', false, [0x25, 0x62], 3],
  ['%6', true, undefined, INCOMPLETE],
  ['%zz', false, [0x25], NO_MATCH],
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
