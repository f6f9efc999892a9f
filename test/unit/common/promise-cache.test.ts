import { expect, test } from 'vitest';
import { PromiseCache } from '../../../common/promise-cache.ts';

function cacheOf() {
  const cache = new PromiseCache<string, string>(2);
  const settle: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const make = () => new Promise<string>((resolve, reject) => settle.push({ resolve, reject }));
  return { cache, settle, ask: (key: string) => cache.getOrMake(key, make) };
}

test('what many ask for at once is made once, and kept', async () => {
  const { ask, settle } = cacheOf();
  const [first, second] = [ask('a'), ask('a')];
  settle[0]?.resolve('made');
  expect(await Promise.all([first, second, ask('a')])).toEqual(['made', 'made', 'made']);
  expect(settle).toHaveLength(1);
});

test('what failed is made anew for who asks as soon as it is told', async () => {
  const { ask, settle } = cacheOf();
  const again = ask('a').catch(() => ask('a'));
  settle[0]?.reject(new Error('away'));
  await expect.poll(() => settle.length).toBe(2);
  settle[1]?.resolve('made');
  expect(await again).toBe('made');
});

test('what fails once it is forgotten leaves what was made since', async () => {
  const { ask, cache, settle } = cacheOf();
  const first = ask('a');
  cache.forget('a');
  const second = ask('a');
  settle[0]?.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  expect(ask('a')).toBe(second);
  settle[1]?.resolve('made');
  expect(await ask('a')).toBe('made');
  expect(settle).toHaveLength(2);
});

test('it is bounded, and forgets all of it when no key is named', async () => {
  const { ask, cache, settle } = cacheOf();
  const asked = ['a', 'b', 'c', 'a'].map(ask);
  expect(settle).toHaveLength(4);
  cache.forget();
  asked.push(ask('c'));
  expect(settle).toHaveLength(5);
  for (const { resolve } of settle) resolve('made');
  await Promise.all(asked);
});
