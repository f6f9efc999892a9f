import { expect, it } from 'vitest';
import { type AttestCall, AttestTurns } from '../../../../../control-plane/api/grpc/attest-turns.ts';

const LIMITS = { maxAtOnce: 2, maxWaiting: 3, maxHoldMs: 60_000 };
const HERE = from('10.0.0.1');

function from(address: string): AttestCall & { cancelled: boolean } {
  return { cancelled: false, getPeer: () => `${address}:40000` };
}

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
  const results = tasks.map(({ run }) => turns.run('acme', HERE, run));
  await expect(turns.run('acme', HERE, async () => 'f')).rejects.toMatchObject({ reason: 'overloaded' });
  expect(begun).toEqual(['a', 'b']);
  tasks[1]?.end();
  expect(await results[1]).toBe('b');
  await expect.poll(() => begun).toEqual(['a', 'b', 'c']);
  for (const { end } of tasks) end();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await turns.run('acme', HERE, async () => 'g')).toBe('g');
});

it('does nothing for a proxy that has gone while it waited', async () => {
  const turns = new AttestTurns({ ...LIMITS, maxAtOnce: 1 });
  const begun: string[] = [];
  const first = task('first', begun);
  const call = from('10.0.0.2');
  const results = [turns.run('acme', HERE, first.run), turns.run('acme', call, task('gone', begun).run)];
  call.cancelled = true;
  first.end();
  await expect(Promise.all(results)).rejects.toMatchObject({ reason: 'overloaded' });
  expect(begun).toEqual(['first']);
});

it('passes the turn of one that waits for the network on, and gives its failure', async () => {
  const turns = new AttestTurns({ ...LIMITS, maxAtOnce: 1, maxHoldMs: 20 });
  const slow = task('slow', []);
  const result = turns.run('acme', HERE, async () => {
    await slow.run();
    throw new Error('no keys');
  });
  expect(await turns.run('acme', HERE, async () => 'next')).toBe('next');
  slow.end();
  await expect(result).rejects.toThrow('no keys');
});

/** As many as there is room for ask and hang; then one proxy of another tenant asks from elsewhere. */
async function besideHanging(
  partyOf: (n: number) => { readonly tenant: string; readonly address: string },
  otherAddress = '10.9.9.9',
) {
  const turns = new AttestTurns({ ...LIMITS, maxHoldMs: 20 });
  const hung = task('hung', []);
  const hanging = Array.from({ length: LIMITS.maxAtOnce + LIMITS.maxWaiting }, (_, n) => {
    const { tenant, address } = partyOf(n);
    return turns.run(tenant, from(address), hung.run);
  });
  const settled = Promise.allSettled(hanging);
  const other = await turns.run('other', from(otherAddress), async () => 'served');
  hung.end();
  return { other, hanging: (await settled).map(({ status }) => status) };
}

it.each([
  [
    'a tenant whose issuer hangs, however many its addresses',
    (n: number) => ({ tenant: 'acme', address: `10.0.0.${n}` }),
  ],
  ['an address, whatever tenants it names', (n: number) => ({ tenant: `tenant-${n}`, address: '10.0.0.1' })],
  [
    'an IPv6 network, whatever tenants and addresses it names',
    (n: number) => ({ tenant: `tenant-${n}`, address: `2001:db8:0:1:${n + 1}::1` }),
  ],
])('keeps a place for the others beside %s', async (_name, partyOf) => {
  const { other, hanging } = await besideHanging(partyOf);
  expect(other).toBe('served');
  expect(hanging).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
});

it('gives the turn that becomes free to a tenant and an address that have none', async () => {
  const turns = new AttestTurns(LIMITS);
  const begun: string[] = [];
  const tasks = ['a', 'b', 'c', 'd'].map((name) => task(name, begun));
  const results = tasks.map(({ run }) => turns.run('acme', HERE, run));
  const other = task('other', begun);
  const otherResult = turns.run('other', from('10.9.9.9'), other.run);
  tasks[0]?.end();
  await expect.poll(() => begun).toEqual(['a', 'b', 'other']);
  for (const { end } of tasks) end();
  other.end();
  await Promise.all([...results, otherResult]);
  expect(begun).toEqual(['a', 'b', 'other', 'c', 'd']);
});

it('tells IPv4 addresses apart on a socket of both families', async () => {
  const mapped = (n: number) => ({ tenant: `tenant-${n}`, address: '::ffff:10.0.0.1' });
  expect(await besideHanging(mapped, '::ffff:10.9.9.9')).toMatchObject({ other: 'served' });
});
