import { expect, test } from 'vitest';
import { Ranges } from '../../../../../proxy/credentials/scrubbing/ranges.ts';

type Place = readonly [start: number, end: number];

function rangesOf(places: readonly Place[]): Ranges {
  const ranges = new Ranges();
  for (const [start, end] of places) ranges.add(start, end);
  return ranges;
}

function filled(ranges: Ranges, limit = 10): string {
  const bytes = Buffer.from('..........');
  ranges.fill(bytes, 0x2a, limit);
  return bytes.toString();
}

test.each<[places: Place[], filled: string, count: number]>([
  [[], '..........', 0],
  [[[2, 4]], '..**......', 1],
  [
    [
      [0, 2],
      [1, 5],
    ],
    '*****.....',
    1,
  ],
  [
    [
      [0, 2],
      [2, 3],
    ],
    '***.......',
    1,
  ],
  [
    [
      [0, 2],
      [3, 4],
    ],
    '**.*......',
    2,
  ],
  [
    [
      [0, 6],
      [1, 2],
    ],
    '******....',
    1,
  ],
  [
    [
      [4, 6],
      [4, 8],
    ],
    '....****..',
    1,
  ],
  [
    [
      [4, 6],
      [0, 2],
    ],
    '**..**....',
    2,
  ],
  [
    [
      [4, 6],
      [0, 5],
    ],
    '******....',
    1,
  ],
  [
    [
      [8, 9],
      [4, 6],
      [0, 2],
      [5, 7],
    ],
    '**..***.*.',
    3,
  ],
])('%j, in whatever order they came: %s', (places, text, count) => {
  const ranges = rangesOf(places).ordered();
  expect([filled(ranges), ranges.count, ranges.isEmpty]).toEqual([text, count, count === 0]);
  expect(filled(ranges.cleared())).toBe('..........');
  ranges.add(9, 10);
  expect([filled(ranges), ranges.count]).toEqual(['.........*', 1]);
});

test.each([
  [0, { count: 0, end: 0 }, '..........'],
  [1, { count: 0, end: 0 }, '..........'],
  [2, { count: 1, end: 3 }, '.*........'],
  [5, { count: 1, end: 3 }, '.**.......'],
  [6, { count: 2, end: 9 }, '.**..*....'],
  [10, { count: 2, end: 9 }, '.**..****.'],
])('of two, so much starts and lies before %i', (limit, expected, text) => {
  const ranges = rangesOf([
    [5, 9],
    [1, 3],
  ]).ordered();
  expect([ranges.before(limit), filled(ranges, limit)]).toEqual([expected, text]);
});
