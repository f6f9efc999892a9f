import { expect, it } from 'vitest';
import { holdPromise } from '../../../common/hold-promise.ts';

it('makes one for all who ask, and another once that has failed', async () => {
  const cache = new Map<string, Promise<number>>();
  let made = 0;
  const ask = (make: () => Promise<number>): Promise<number> =>
    holdPromise(cache, 'a', () => {
      made += 1;
      return make();
    });
  const failing = [ask(() => Promise.reject(new Error('no'))), ask(() => Promise.resolve(0))];
  for (const one of failing) await expect(one).rejects.toThrow('no');
  expect(await ask(() => Promise.resolve(2))).toBe(2);
  expect(await ask(() => Promise.resolve(3))).toBe(2);
  expect(made).toBe(2);
});

it('leaves another in its place when one fails that was dropped before', async () => {
  const cache = new Map<string, Promise<number>>();
  let fail = (_error: Error): void => {};
  const dropped = holdPromise(cache, 'a', () => new Promise<number>((_, reject) => (fail = reject)));
  cache.delete('a');
  const newer = holdPromise(cache, 'a', () => Promise.resolve(1));
  fail(new Error('no'));
  await expect(dropped).rejects.toThrow('no');
  expect(holdPromise(cache, 'a', () => Promise.resolve(2))).toBe(newer);
});
