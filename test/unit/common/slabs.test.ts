import { expect, it } from 'vitest';
import { giveSlab, isSlab, SLAB_BYTES, takeSlab } from '../../../common/slabs.ts';

it('lends a slab anew once it was given back, whole, and knows one by any part of it', () => {
  const slab = takeSlab();
  expect(slab).toHaveLength(SLAB_BYTES);
  expect(takeSlab().buffer).not.toBe(slab.buffer);
  const part = slab.subarray(3, 5);
  expect([isSlab(part), isSlab(Buffer.alloc(SLAB_BYTES)), isSlab(Buffer.from('from the pool'))]).toEqual([
    true,
    false,
    false,
  ]);
  giveSlab(Buffer.alloc(SLAB_BYTES));
  giveSlab(part);
  giveSlab(part);
  const again = takeSlab();
  expect(again.buffer).toBe(slab.buffer);
  expect(takeSlab().buffer).not.toBe(slab.buffer);
  expect([again.byteOffset, again.length]).toEqual([0, SLAB_BYTES]);
});

it('keeps so many at most', () => {
  const taken = Array.from({ length: 300 }, takeSlab);
  for (const slab of taken) giveSlab(slab);
  const memory = new Set(taken.map(({ buffer }) => buffer));
  const again = Array.from({ length: 300 }, takeSlab);
  expect(again.filter(({ buffer }) => memory.has(buffer))).toHaveLength(200);
});
