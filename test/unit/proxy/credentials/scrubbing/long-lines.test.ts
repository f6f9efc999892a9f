import { describe, expect, test } from 'vitest';
import {
  encodedBytesBefore,
  isEmptyLine,
  longLineEnd,
  MIN_LINE_BYTES,
} from '../../../../../proxy/credentials/scrubbing/long-lines.ts';

const [SHORT, LONG] = ['x'.repeat(MIN_LINE_BYTES - 1), 'x'.repeat(MIN_LINE_BYTES)];

describe('the end of the first long line', () => {
  test.each([
    ['a line of as many bytes as it takes', `${LONG}\n`, 56],
    ['a longer one', `${LONG}${LONG}\r\n`, 112],
    ['one that is too short', `${SHORT}\n${SHORT}\n`, 112],
    ['the second line', `${SHORT}\n${LONG}\n`, 112],
    ['a line that ends otherwise', `${LONG}: ${LONG}\n`, 114],
    ['a line with other bytes in it', `${SHORT} ${LONG}\n${LONG}\n`, 112],
    ['a line one byte longer', `${LONG}x\n`, 57],
    ['a line with another byte at an even place', `${'x'.repeat(28)} ${'x'.repeat(27)}\n`, 57],
    ['a line with another byte at an odd place', `${'x'.repeat(27)} ${'x'.repeat(28)}\n`, 57],
    ['a line with two other bytes in it', `${SHORT}: ${SHORT}\n`, 113],
    ['one that is very long', `${LONG.repeat(4)}\r\n`, 224],
    ['one that ends in a carriage return', `${LONG.repeat(4)}\r${LONG}\n`, 224],
    ['a very long one with another byte in it', `${LONG.repeat(4)}:${LONG}\n`, 281],
    ['a very long one with another byte near its end', `${LONG.repeat(4)}:${SHORT}\n`, 281],
    ['a line behind that', `${LONG.repeat(4)}:${SHORT}\n${LONG}\n`, 337],
    ['a very long one without an end', LONG.repeat(4), 224],
    ['no line', LONG, 56],
    ['nothing', '', 0],
  ])('%s', (_what, text, expected) => {
    const bytes = Buffer.from(text);
    expect(longLineEnd(bytes, 0, bytes.length, 0)).toBe(expected);
    const among = Buffer.from(`${LONG}\n${text}`);
    expect(longLineEnd(among, 57, among.length, 0)).toBe(57 + expected);
  });

  test('counts what stands ahead of the bytes, for their first line alone', () => {
    for (const before of [0, 1, 30, 55, 56]) {
      const rest = Buffer.from(`${LONG.slice(before)}\n${SHORT}\n`);
      expect(longLineEnd(rest, 0, rest.length, before)).toBe(56 - before);
      if (before > 0) expect(longLineEnd(rest, 0, rest.length, before - 1)).toBe(rest.length);
    }
  });

  test('is found wherever it is', () => {
    for (const [text, at] of [
      ['\n', 0],
      ['\r\n', 0],
      [`\r${LONG.repeat(100)}\n`, 0],
      [`:${SHORT}\n${LONG}\r`, 113],
    ] as const) {
      for (const length of [100, 127, 128, 129, 4222, 4223, 4224, 4225, 8318, 8319, 8320, 8321, 20_000]) {
        const bytes = Buffer.from('x'.repeat(length) + text);
        expect(longLineEnd(bytes, 0, bytes.length, 0)).toBe(length + at);
      }
    }
  });

  test('is not behind the end of what is read', () => {
    expect(longLineEnd(Buffer.from(`${LONG}\n`), 0, 56, 0)).toBe(56);
    expect(longLineEnd(Buffer.from(`${LONG}x\n`), 0, 56, 0)).toBe(56);
    expect(longLineEnd(Buffer.from(`${LONG}\n`), 0, 55, 0)).toBe(55);
    for (const lineEnd of ['\n', '\r']) expect(longLineEnd(Buffer.from(LONG.repeat(4) + lineEnd), 0, 200, 0)).toBe(200);
  });
});

test('how many encoded bytes stand before a place, as far as that matters', () => {
  const bytes = Buffer.from(`: ${SHORT}`);
  expect([2, 3, 30, 57].map((end) => encodedBytesBefore(bytes, end, 56))).toEqual([0, 1, 28, 55]);
  const all = Buffer.from(LONG);
  expect([0, 10, 56].map((end) => encodedBytesBefore(all, end, 0))).toEqual([0, 10, 56]);
  expect([0, 10, 56].map((end) => encodedBytesBefore(all, end, 50))).toEqual([50, 56, 56]);
});

test.each([
  ['\n\n', 1, true],
  ['\r\n', 1, false],
  ['\r\r', 1, true],
  ['\r\n\r\n', 2, true],
  ['\n', 0, false],
  ['x\n', 1, false],
])('an empty line: %j at %i', (text, at, expected) => expect(isEmptyLine(Buffer.from(text), at)).toBe(expected));
