import { afterEach, expect, it, vi } from 'vitest';
import { SidekeyError } from '../../../../common/errors.ts';
import { meterMinter, meterStore, meterTokenRequests } from '../../../../control-plane/metrics/metered.ts';
import { StoreUnavailable, type SqlStore } from '../../../../control-plane/store/sql-store.ts';

afterEach(() => void vi.restoreAllMocks());

/** Whoever asks for the time now gets these, one after the other. */
function clockTells(...times: number[]): void {
  const now = vi.spyOn(performance, 'now');
  for (const time of times) now.mockReturnValueOnce(time);
}

it.each([
  ['that ends well', undefined, []],
  ['without a database', new StoreUnavailable('gone'), ['unavailable']],
  ['with a fault', new Error('syntax'), ['failed']],
  ['that a refusal of ours ends', new SidekeyError('conflict', 'no'), []],
])('a transaction %s is timed, and gives what it gave', async (_how, error, failures) => {
  const counted: string[] = [];
  const run = async (): Promise<never> => {
    if (error !== undefined) throw error;
    return 'result' as never;
  };
  const store = { engine: 'pglite', transaction: run, system: run } as unknown as SqlStore;
  const metered = meterStore(store, {
    transactionEnded: (ms) => counted.push(`${ms} ms`),
    transactionFailed: (kind) => counted.push(kind),
  });
  const never = async () => undefined;
  clockTells(1_000, 1_100, 1_250, 1_300);
  for (const transaction of [metered.transaction('acme', never), metered.system(never)]) {
    await (error === undefined ? expect(transaction).resolves.toBe('result') : expect(transaction).rejects.toBe(error));
  }
  expect(counted).toEqual([...failures, '250 ms', ...failures, '200 ms']);
});

it('passes on what else a store and a minter do', async () => {
  const asked: unknown[] = [];
  const note =
    (name: string, answer?: unknown) =>
    (...args: unknown[]) => {
      asked.push([name, ...args]);
      return answer;
    };
  const store = {
    engine: 'postgres',
    listen: note('listen', 'stop'),
    connections: note('connections', 'use'),
    close: note('close', 'closed'),
  } as unknown as SqlStore;
  const metered = meterStore(store, { transactionEnded: () => {}, transactionFailed: () => {} });
  const [handler, onGap] = [() => {}, () => {}];
  const answers = [
    metered.engine,
    metered.listen('policy_changed' as never, handler, onGap),
    metered.connections(),
    metered.close(),
  ];
  expect(answers).toEqual(['postgres', 'stop', 'use', 'closed']);
  const minter = meterMinter({ forget: note('forget') } as never, { minted: () => {} });
  minter.forget('acme', 'key');
  await meterTokenRequests({ close: note('close fetcher') } as never, { tokenRequested: () => {} }).close();
  expect(asked).toEqual([
    ['listen', 'policy_changed', handler, onGap],
    ['connections'],
    ['close'],
    ['forget', 'acme', 'key'],
    ['close fetcher'],
  ]);
});

it('credentials count as made or failed', async () => {
  const counted: unknown[] = [];
  const minter = meterMinter(
    {
      mint: async (_spec: unknown, context: unknown) => {
        if (context === 'bad') throw new Error('no');
        return 'credential';
      },
    } as never,
    { minted: (...what) => counted.push(what) },
  );
  const spec = { type: 'static' } as never;
  expect(await minter.mint(spec, 'good' as never)).toBe('credential');
  await expect(minter.mint(spec, 'bad' as never)).rejects.toThrow('no');
  expect(counted).toEqual([
    ['static', 'made'],
    ['static', 'failed'],
  ]);
});

it.each([
  [200, 'answered'],
  [201, 'refused'],
  [401, 'refused'],
  [undefined, 'failed'],
])('a token request with status %s counts as %s, and its time', async (status, outcome) => {
  const counted: unknown[] = [];
  const fetcher = meterTokenRequests(
    {
      fetch: async () => {
        if (status === undefined) throw new Error('no answer');
        return { status };
      },
    } as never,
    { tokenRequested: (what, ms) => counted.push(what, ms) },
  );
  clockTells(1_000, 1_250);
  const fetched = fetcher.fetch({} as never);
  await (status === undefined
    ? expect(fetched).rejects.toThrow('no answer')
    : expect(fetched).resolves.toEqual({ status }));
  expect(counted).toEqual([outcome, 250]);
});
