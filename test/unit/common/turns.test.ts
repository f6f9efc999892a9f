import { expect, it } from 'vitest';
import { Turns } from '../../../common/turns.ts';

it('runs so many at once, the others in their order, whatever fails', async () => {
  const turns = new Turns(2);
  const started: number[] = [];
  let running = 0;
  const ends = await Promise.allSettled(
    Array.from({ length: 9 }, (_, index) =>
      turns.run(['one'], async () => {
        started.push(index);
        running += 1;
        expect(running).toBeLessThanOrEqual(2);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        if (index % 3 === 0) throw new Error('no');
        return index;
      }),
    ),
  );
  expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'failed'))).toEqual([
    'failed',
    1,
    2,
    'failed',
    4,
    5,
    'failed',
    7,
    8,
  ]);
});

it('gives a turn to whom the fewest run of, so that many tasks of one do not keep out another', async () => {
  const turns = new Turns(2);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const hold = (party: string) =>
    turns.run([party], async () => {
      begun.push(party);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  const held = ['busy', 'busy', 'busy', 'quiet'].map(hold);
  for (let at = 0; at < held.length; at += 1) {
    await expect.poll(() => ends.length).toBeGreaterThan(at);
    ends[at]?.();
  }
  await Promise.all(held);
  expect(begun).toEqual(['busy', 'busy', 'quiet', 'busy']);
});
