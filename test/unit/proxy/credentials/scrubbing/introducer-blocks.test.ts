import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startsEscape } from '../../../../../proxy/credentials/scrubbing/escapes.ts';
import { IntroducerBlocks } from '../../../../../proxy/credentials/scrubbing/introducer-blocks.ts';
import { LISTED_BYTES } from '../../../../../proxy/credentials/scrubbing/introducer-list.ts';

function found(bytes: Buffer, end: number): number[] {
  const all: number[] = [];
  const blocks = new IntroducerBlocks(bytes, end);
  while (blocks.next()) {
    for (const place of blocks.places.subarray(0, blocks.count)) all.push(blocks.from + place);
  }
  return all;
}

test('every introducer is found once, in order, in deserts and in swarms, and none behind the end', () => {
  const length = fc.oneof(fc.nat(40), fc.integer({ min: LISTED_BYTES - 20, max: LISTED_BYTES + 20 }), fc.nat(20_000));
  const piece = fc.tuple(length, fc.constantFrom('x', '%', '&', '\\', 'x\\', 'xxxxxxx%41&amp;', '%25'));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(3000), fc.nat(7), (pieces, behind, shift) => {
      const text = pieces.map(([size, what]) => what.repeat(size).slice(0, size)).join('');
      const bytes = Buffer.from(`${'%'.repeat(shift)}${text}`).subarray(shift);
      const end = Math.max(0, bytes.length - behind);
      const all = Array.from(bytes.subarray(0, end), startsEscape).flatMap((is, at) => (is ? [at] : []));
      expect(found(bytes, end)).toEqual(all);
    }),
    { numRuns: 300 },
  );
});
