import { describe, expect, test } from 'vitest';
import {
  LISTED_BYTES,
  type IntroducerLister,
  slowLister,
  wasmLister,
} from '../../../../../proxy/credentials/scrubbing/introducer-list.ts';

const quick = wasmLister();
if (quick === undefined) throw new Error('there is no WebAssembly, or its code is wrong');
const slow = slowLister();

function listed(lister: IntroducerLister, bytes: Buffer, from = 0, until = bytes.length): number[] {
  return Array.from(lister.places.subarray(0, lister.list(bytes, from, until)));
}

function expected(bytes: Buffer, from = 0, until = bytes.length): number[] {
  return Array.from(bytes.subarray(from, until)).flatMap((byte, at) =>
    '%&\\'.includes(String.fromCharCode(byte)) ? [at] : [],
  );
}

describe.each([
  ['in WebAssembly', quick],
  ['without', slow],
])('introducers are listed %s', (_how, lister) => {
  test('of all bytes these alone, wherever they stand', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      for (const length of [1, 15, 16, 17, 33]) {
        const bytes = Buffer.alloc(length, byte);
        expect(listed(lister, bytes)).toEqual(expected(bytes));
        bytes.fill('x');
        bytes[length - 1] = byte;
        expect(listed(lister, bytes)).toEqual(expected(bytes));
      }
    }
  });

  test('of a whole block of nothing else', () => {
    const bytes = Buffer.alloc(LISTED_BYTES, '\\');
    expect(listed(lister, bytes)).toEqual(expected(bytes));
  });

  test('not of what stands before or behind, nor of what stood there before', () => {
    const bytes = Buffer.from('%&\\'.repeat(30));
    listed(lister, Buffer.alloc(LISTED_BYTES, '%'));
    for (let from = 0; from < 40; from += 1) {
      for (let until = from + 1; until < 60; until += 3) {
        const other = Buffer.alloc(100, 'x').fill('%&\\', from, until);
        expect(listed(lister, bytes, from, until)).toEqual(expected(bytes, from, until));
        expect(listed(lister, other, 0, from + 1)).toEqual(expected(other, 0, from + 1));
      }
    }
  });
});
