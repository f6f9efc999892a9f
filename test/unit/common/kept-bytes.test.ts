import { expect, test } from 'vitest';
import { KeptBytes } from '../../../common/kept-bytes.ts';
import { isSlab, SLAB_BYTES, takeSlab } from '../../../common/slabs.ts';

const numbered = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => at % 251));

function drained(kept: KeptBytes): Buffer[] {
  const pieces: Buffer[] = [];
  kept.drain((piece) => pieces.push(Buffer.from(piece)));
  return pieces;
}

test.each([1, 3, 1_000, 5_000, 16_384, 200_000])('bytes in pieces of %i are kept, as copies, in few pieces', (size) => {
  const bytes = numbered(200_000);
  const kept = new KeptBytes();
  for (let at = 0; at < bytes.length; at += size) {
    const lent = Buffer.from(bytes.subarray(at, at + size));
    kept.add(lent);
    lent.fill(0);
  }
  expect(kept.length).toBe(bytes.length);
  const pieces = drained(kept);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  expect(pieces.length).toBeLessThan(16);
  expect([kept.length, drained(kept)]).toEqual([0, []]);
});

test.each([1_000, 3_000, 6_000, 12_000, 30_000])('%i bytes take no more than about twice their memory', (size) => {
  const kept = new KeptBytes();
  for (let at = 0; at < size; at += 1) kept.add(Buffer.of(at));
  let memory = 0;
  kept.drain(({ buffer }) => (memory += buffer.byteLength));
  expect(memory).toBeLessThanOrEqual(2 * size + SLAB_BYTES / 2);
});

test('the whole of it is in one buffer of its own, and stays kept with what is added', () => {
  const kept = new KeptBytes();
  const bytes = numbered(50_000);
  for (let at = 0; at < bytes.length; at += 700) kept.add(bytes.subarray(at, at + 700));
  const whole = kept.whole();
  expect([whole.equals(bytes), isSlab(whole), kept.whole() === whole]).toEqual([true, false, true]);
  kept.add(Buffer.from('more'));
  expect(whole.equals(bytes)).toBe(true);
  expect(Buffer.concat(drained(kept)).equals(Buffer.concat([bytes, Buffer.from('more')]))).toBe(true);
  expect(new KeptBytes().whole().length).toBe(0);
});

test('its memory serves others once it was given or cleared, and not before', () => {
  const kept = new KeptBytes();
  for (const end of [() => drained(kept), () => kept.clear(), () => kept.whole()]) {
    kept.clear();
    kept.add(Buffer.alloc(SLAB_BYTES, 'a'));
    const other = takeSlab();
    other.fill('b');
    let mine = '';
    kept.drain((piece) => (mine = piece.toString()));
    expect(mine).toBe('a'.repeat(SLAB_BYTES));
    kept.add(Buffer.alloc(SLAB_BYTES, 'c'));
    const before = takeSlab();
    end();
    const behind = takeSlab();
    expect(behind.buffer).not.toBe(before.buffer);
    expect(behind.toString('latin1', 0, 3)).toBe('ccc');
  }
});
