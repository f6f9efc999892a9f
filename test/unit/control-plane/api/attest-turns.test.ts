import { expect, it } from 'vitest';
import { AttestTurns } from '../../../../control-plane/api/attest-turns.ts';

const LIMITS = { maxAtOnce: 2, maxWaiting: 3, maxHoldMs: 60_000 };
const HERE = { cancelled: false };

/** A task that ends when it is told to. */
function task(name: string, begun: string[]): { run: () => Promise<string>; end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = async (): Promise<string> => {
    begun.push(name);
    await ended;
    return name;
  };
  return { run, end };
}

it('works on few at once, in the order they came, and turns away who would wait for too long', async () => {
  const turns = new AttestTurns(LIMITS);
  const begun: string[] = [];
  const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => task(name, begun));
  const results = tasks.map(({ run }) => turns.run(HERE, run));
  await expect(turns.run(HERE, async () => 'f')).rejects.toMatchObject({ reason: 'overloaded' });
  expect(begun).toEqual(['a', 'b']);
  tasks[1]?.end();
  expect(await results[1]).toBe('b');
  await expect.poll(() => begun).toEqual(['a', 'b', 'c']);
  for (const { end } of tasks) end();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await turns.run(HERE, async () => 'g')).toBe('g');
});

it('does nothing for a proxy that has gone while it waited', async () => {
  const turns = new AttestTurns({ ...LIMITS, maxAtOnce: 1 });
  const begun: string[] = [];
  const first = task('first', begun);
  const call = { cancelled: false };
  const results = [turns.run(HERE, first.run), turns.run(call, task('gone', begun).run)];
  call.cancelled = true;
  first.end();
  await expect(Promise.all(results)).rejects.toMatchObject({ reason: 'overloaded' });
  expect(begun).toEqual(['first']);
});

it('passes the turn of one that waits for the network on, and gives its failure', async () => {
  const turns = new AttestTurns({ ...LIMITS, maxAtOnce: 1, maxHoldMs: 20 });
  const slow = task('slow', []);
  const result = turns.run(HERE, async () => {
    await slow.run();
    throw new Error('no keys');
  });
  expect(await turns.run(HERE, async () => 'next')).toBe('next');
  slow.end();
  await expect(result).rejects.toThrow('no keys');
});
