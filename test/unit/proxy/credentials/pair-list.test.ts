import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  eachPair,
  type PairGroup,
  type PairLister,
  slowPairLister,
  wasmPairLister,
} from '../../../../proxy/credentials/pair-list.ts';

const GROUPS: readonly PairGroup[] = [
  { first: Buffer.from('%'), second: Buffer.from('0123456789') },
  { first: Buffer.from('\\'), second: Buffer.from('\\ux') },
  { first: Buffer.from('ab'), second: Buffer.from('z') },
  { first: [0], second: [0xff] },
  { first: [0x80, 0xff], second: [0] },
  { first: Buffer.from('a'), second: Buffer.from('a') },
  { first: Buffer.from('_'), second: Buffer.from('p') },
  { first: Buffer.from('9'), second: Buffer.from('w') },
];

function places(lister: PairLister, bytes: Buffer): number[] {
  const all: number[] = [];
  eachPair(lister, bytes, (at) => all.push(at));
  return all;
}

function listers(groups: readonly PairGroup[]): readonly [PairLister, PairLister] {
  const quick = wasmPairLister(groups);
  if (quick === undefined) throw new Error('there is no WebAssembly, or its code is wrong');
  return [quick, slowPairLister(groups)];
}

const [quick, slow] = listers(GROUPS);

describe('pairs', () => {
  test('are listed alike with WebAssembly and without, each of them and nothing where no group has both halves', () => {
    const bytes = Buffer.alloc(2 * 65_536);
    for (let pair = 0; pair < 65_536; pair += 1) bytes.writeUInt16BE(pair, 2 * pair);
    const found = new Set(places(quick, bytes));
    expect([...found]).toEqual(places(slow, bytes));
    for (let at = 0; at < bytes.length - 1; at += 1) {
      const stands = GROUPS.some(
        ({ first, second }) => [...first].includes(bytes[at] ?? 0) && [...second].includes(bytes[at + 1] ?? 0),
      );
      if (stands && !found.has(at)) expect.fail(`not listed: ${bytes.toString('hex', at, at + 2)}`);
    }
    // Groups of one byte each are listed alone.
    expect(found.size).toBeLessThan(3_000);
  });

  test('are listed alike in any bytes, behind others that were listed before', () => {
    const some = fc.string({ unit: fc.constantFrom(...'%0\\uxabz_p9w\0\xff.'), maxLength: 70 });
    const groups = fc.array(
      fc.record({ first: fc.uint8Array({ minLength: 1, maxLength: 3 }), second: fc.uint8Array({ maxLength: 3 }) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 4 }), (texts) => {
        for (const bytes of texts.map((text) => Buffer.from(text, 'latin1')))
          expect(places(quick, bytes)).toEqual(places(slow, bytes));
      }),
    );
    fc.assert(
      fc.property(groups, fc.uint8Array({ maxLength: 200 }), (list, bytes) => {
        const [one, other] = listers(list);
        expect(places(one, Buffer.from(bytes))).toEqual(places(other, Buffer.from(bytes)));
      }),
      { numRuns: 50 },
    );
  });

  test.each(['', 'a', 'aa', 'a'.repeat(16_384), 'a'.repeat(16_385), 'a'.repeat(40_000)])(
    'overlap, end with the bytes, and go from block to block (%#)',
    (text) => {
      const expected = Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => at);
      for (const lister of [quick, slow]) expect(places(lister, Buffer.from(text))).toEqual(expected);
    },
  );

  test('one that a block ends in is listed once', () => {
    for (let before = 16_370; before < 16_400; before += 1) {
      const bytes = Buffer.from(`${'.'.repeat(before)}_p${'.'.repeat(20)}`);
      for (const lister of [quick, slow]) expect(places(lister, bytes)).toEqual([before]);
    }
  });
});
