import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { nextHash } from '../../../../common/decision-chain.ts';
import { appendDecisions } from '../../../../control-plane/audit/decision-log.ts';
import {
  type DecisionFilter,
  followDecisions,
  queryDecisions,
} from '../../../../control-plane/audit/query-decisions.ts';
import { verifyChains } from '../../../../control-plane/audit/verify.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { type ChainedRecord, type DecisionRecord, Outcome } from '../../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS } from '../../../../proto/reasons.ts';
import { appendAttested, decisionChain, storeSession } from '../../../support/control-plane/decision-chain.ts';

const TENANT = 'default';

describe('decision log', () => {
  let store: SqlStore;
  beforeAll(async () => {
    store = await openStore();
  }, 120_000);
  afterAll(() => store.close());

  /** As whoever holds the database: no trigger and no row-level security stands in the way. */
  const editUnseen = (text: string, params: string[] = []): Promise<unknown> =>
    store.system(async (tx) => {
      await tx.query(
        `select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`,
      );
      return tx.query(text, params);
    });

  it('stores a chain once, however often it is delivered', async () => {
    const records = decisionChain('again', 6);
    expect(await appendAttested(store, TENANT, 'again', records.slice(0, 4))).toBe(4);
    expect(await appendAttested(store, TENANT, 'again', records.slice(2))).toBe(6);
    expect(await appendAttested(store, TENANT, 'again', records)).toBe(6);
    expect(await appendAttested(store, TENANT, 'again', [])).toBe(6);
    expect(await queryDecisions(store, TENANT, { instance: 'again' })).toHaveLength(6);
    expect(await verifyChains(store, TENANT, 'again')).toMatchObject([{ records: 6, fault: undefined }]);
  });

  it('refuses gaps, foreign hashes, changed content and rewritten history', async () => {
    const records = decisionChain('strict', 4);
    const [first, second, third] = records as [ChainedRecord, ChainedRecord, ChainedRecord];
    await appendAttested(store, TENANT, 'strict', [first]);
    const append = (record: ChainedRecord): Promise<number> => appendAttested(store, TENANT, 'strict', [record]);
    await expect(append(third)).rejects.toMatchObject({ code: 'chain-gap' });
    await expect(append({ ...second, previousHash: third.hash })).rejects.toMatchObject({ code: 'chain-broken' });
    await expect(append({ ...second, record: third.record })).rejects.toMatchObject({ code: 'chain-broken' });
    await expect(append({ ...first, hash: second.hash })).rejects.toMatchObject({ code: 'chain-conflict' });
    const junk = Buffer.from([0xff, 0xff]);
    const malformed = { ...second, record: junk, hash: nextHash(first.hash, junk) };
    await expect(append(malformed)).rejects.toMatchObject({ code: 'record-malformed' });
    expect(await append(second)).toBe(2);
  });

  it('stores whatever a proxy may write into a record, and no time that nobody could read', async () => {
    const changes = {
      id: randomBytes(6_000).toString('hex'),
      destination: { scheme: 'https', host: '\0', port: 0xffff_ffff },
      status: 0xffff_ffff,
    };
    await appendAttested(store, TENANT, 'wild', decisionChain('wild', 2, changes));
    expect(await verifyChains(store, TENANT, 'wild')).toMatchObject([{ records: 2, fault: undefined }]);
    expect(await queryDecisions(store, TENANT, { instance: 'wild' })).toMatchObject([changes, changes]);
    for (const at of ['0000-12-31T23:59:59Z', '+010000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z']) {
      const records = decisionChain(`at ${at}`, 1, { at: new Date(at) });
      await expect(appendAttested(store, TENANT, `at ${at}`, records)).rejects.toMatchObject({
        code: 'record-malformed',
      });
    }
  });

  it('finds by filter and by page, and keeps tenants apart', async () => {
    await appendAttested(store, TENANT, 'find', decisionChain('find', 10));
    const odd = await queryDecisions(store, TENANT, { instance: 'find', workload: 'odd' }, { limit: 3 });
    expect(odd.map((entry) => entry.sequence)).toEqual([6, 8, 10]);
    expect(odd[0]).toMatchObject({ outcome: 'denied', reason: 'rule-denied', path: '/a\0b' });
    const after = odd[0]?.position ?? 0;
    const rest = await queryDecisions(store, TENANT, { instance: 'find' }, { after });
    expect(rest.map((entry) => entry.sequence)).toEqual([7, 8, 9, 10]);
    const next = await queryDecisions(store, TENANT, { instance: 'find' }, { after, limit: 2 });
    expect(next.map((entry) => entry.sequence)).toEqual([7, 8]);
    expect(await queryDecisions(store, 'another', {})).toEqual([]);
    expect(await verifyChains(store, 'another')).toEqual([]);
  });

  it('finds by every filter', async () => {
    const at = new Date('2025-06-01T12:00:00Z');
    const fits = {
      id: 'each-1',
      workload: 'even',
      user: 'carol',
      host: 'billing.example.com',
      serverWorkload: 'billing-api',
      policy: 'agent-billing',
      session: 'of each',
      instance: 'each',
      outcome: 'denied',
      reason: 'rule-denied',
      since: at,
      until: new Date(at.getTime() + 1),
    } as const satisfies Required<DecisionFilter>;
    await storeSession(store, TENANT, { id: fits.session, instanceId: fits.instance, user: fits.user });
    const record = {
      sessionId: fits.session,
      user: fits.user,
      destination: { scheme: 'https', host: fits.host, port: 443 },
      serverWorkload: fits.serverWorkload,
      accessPolicy: fits.policy,
      outcome: Outcome.OUTCOME_DENIED,
      reason: REASONS[fits.reason].number,
      at,
    };
    await appendDecisions(store, TENANT, fits.instance, decisionChain(fits.instance, 1, record));
    const found = async (filter: object): Promise<string[]> =>
      (await queryDecisions(store, TENANT, { instance: fits.instance, ...filter })).map(({ id }) => id);
    for (const [key, value] of Object.entries(fits)) {
      expect(await found({ [key]: value }), key).toEqual(['each-1']);
      const other = { since: fits.until, until: fits.since }[key] ?? 'other';
      expect(await found({ [key]: other }), key).toEqual([]);
    }
  });

  it('notices records that are gone', async () => {
    await appendAttested(store, TENANT, 'cut', decisionChain('cut', 3));
    await store.system((tx) =>
      tx.query(`update decision_heads set sequence = 5 where tenant = $1 and instance_id = 'cut'`, [TENANT]),
    );
    expect(await verifyChains(store, TENANT, 'cut')).toMatchObject([{ fault: 'the last 2 records are missing' }]);
  });

  it('refuses records of another proxy, session, workload or user', async () => {
    await storeSession(store, TENANT, { id: 'mine', instanceId: 'owner', user: 'alice' });
    await storeSession(store, TENANT, { id: 'theirs', instanceId: 'neighbour' });
    const append = (changes: Partial<DecisionRecord>): Promise<number> =>
      appendDecisions(store, TENANT, 'owner', decisionChain('owner', 2, changes));
    const foreign = { code: 'record-foreign' };
    await expect(append({ instanceId: 'neighbour' })).rejects.toMatchObject(foreign);
    await expect(append({ instanceId: '' })).rejects.toMatchObject(foreign);
    await expect(append({ sessionId: 'theirs' })).rejects.toMatchObject(foreign);
    await expect(append({ sessionId: 'mine' })).rejects.toMatchObject(foreign);
    await expect(append({ sessionId: 'mine', user: 'bob' })).rejects.toMatchObject(foreign);
    for (const workloads of [['admin'], ['even', 'admin']]) {
      await expect(append({ sessionId: 'mine', user: 'alice', workloads })).rejects.toMatchObject(foreign);
    }
    for (const sessionId of ['', 'made-up']) {
      await expect(append({ sessionId, workloads: ['even', 'admin'] })).rejects.toMatchObject(foreign);
      await expect(append({ sessionId, user: 'bob' })).rejects.toMatchObject(foreign);
    }
    expect(await append({ sessionId: 'mine', user: 'alice' })).toBe(2);
  });

  it('takes what only a pruned session could vouch for once its instance has another', async () => {
    const append = (changes: Partial<DecisionRecord>): Promise<number> =>
      appendDecisions(store, TENANT, 'pruned', decisionChain('pruned', 3, { sessionId: 'long-gone', ...changes }));
    // A stream may outlive all sessions of its instance; what it says then is nobody's word.
    await expect(append({})).rejects.toMatchObject({ code: 'record-foreign' });
    await expect(append({ user: 'alice', workloads: [] })).rejects.toMatchObject({ code: 'record-foreign' });
    await storeSession(store, TENANT, { id: 'renewed', instanceId: 'pruned', user: 'alice' });
    expect(await append({})).toBe(3);
  });

  it('notices a head that is gone, or differs where the chain has gone on', async () => {
    await appendAttested(store, TENANT, 'headless', decisionChain('headless', 3));
    await appendAttested(store, TENANT, 'passed', decisionChain('passed', 3));
    await store.system((tx) =>
      tx.query(`update decision_heads set sequence = 2 where tenant = $1 and instance_id = 'passed'`, [TENANT]),
    );
    await editUnseen(`delete from decision_heads where instance_id = 'headless'`);
    expect(await verifyChains(store, TENANT, 'headless')).toMatchObject([{ fault: 'the kept head is missing' }]);
    expect(await verifyChains(store, TENANT, 'passed')).toMatchObject([
      { fault: 'the end differs from the kept head' },
    ]);
  });

  it.each([
    `outcome = 'allowed'`,
    `reason = 'allowed'`,
    `workloads = '{}'`,
    `at = at + interval '1 hour'`,
    `host = 'elsewhere'`,
  ])('notices a column that was edited: %s', async (change) => {
    const instance = `edited ${change}`;
    await appendAttested(store, TENANT, instance, decisionChain(instance, 3));
    await editUnseen(`update decisions set ${change} where instance_id = $1 and sequence = 2`, [instance]);
    const [report] = await verifyChains(store, TENANT, instance);
    expect(report?.fault).toBe(`column ${change.split(' ')[0]} of record 2 differs from the record`);
  });

  it('follows new decisions', async () => {
    const seen: number[] = [];
    const stop = await followDecisions(store, TENANT, {
      filter: { instance: 'live' },
      from: undefined,
      onEntries: (entries) => seen.push(...entries.map((entry) => entry.sequence)),
      onError: (error) => expect.unreachable(String(error)),
    });
    const records = decisionChain('live', 5);
    await appendAttested(store, TENANT, 'live', records.slice(0, 2));
    await appendAttested(store, TENANT, 'live', records.slice(2));
    await vi.waitFor(() => expect(seen).toEqual([1, 2, 3, 4, 5]), 5_000);
    await stop();
  });

  it('gives a follower that is far behind all of it, once and in order', async () => {
    await appendAttested(store, TENANT, 'many', decisionChain('many', 1_200));
    const seen: number[] = [];
    const stop = await followDecisions(store, TENANT, {
      filter: { instance: 'many' },
      from: 0,
      onEntries: (entries) => seen.push(...entries.map((entry) => entry.sequence)),
      onError: (error) => expect.unreachable(String(error)),
    });
    await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(1_200), 10_000);
    await stop();
    expect(seen).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
  });

  it.each([undefined, new Error('closed')])(
    'tells a follower that has stopped nothing of a read under way: %s',
    async (fault) => {
      let begun: () => void = () => {};
      let end: () => void = () => {};
      const reading = new Promise<void>((resolve) => (begun = resolve));
      const ended = new Promise<void>((resolve) => (end = resolve));
      let listeners = 0;
      const slow: SqlStore = {
        ...store,
        transaction: async (tenant, run) => {
          begun();
          await ended;
          if (fault !== undefined) throw fault;
          return store.transaction(tenant, run);
        },
        listen: async (...wanted) => {
          const unlisten = await store.listen(...wanted);
          listeners += 1;
          return async () => {
            listeners -= 1;
            await unlisten();
          };
        },
      };
      const told: unknown[] = [];
      const tell = (what: unknown): void => void told.push(what);
      const stop = await followDecisions(slow, TENANT, { filter: {}, from: 0, onEntries: tell, onError: tell });
      await reading;
      const stopping = stop().then(() => told.push('stopped'));
      await expect.poll(() => listeners).toBe(0);
      expect(told).toEqual([]);
      end();
      await stopping;
      expect(told).toEqual(['stopped']);
    },
  );

  it('reads nothing twice for a follower whose filter seldom matches, and reads again after a failure', async () => {
    const reads: number[] = [];
    let failures = 0;
    const watched: SqlStore = {
      ...store,
      transaction: (tenant, run) =>
        store.transaction(tenant, (tx) =>
          run({
            query: (text, params) => {
              if (!text.includes('position >')) return tx.query(text, params);
              if (failures === 0) {
                failures += 1;
                return Promise.reject(new Error('this read fails'));
              }
              reads.push(Number(params?.at(-1)));
              return tx.query(text, params);
            },
          }),
        ),
    };
    const seen: string[] = [];
    const errors: unknown[] = [];
    const stop = await followDecisions(watched, TENANT, {
      filter: { instance: 'rare' },
      from: 0,
      onEntries: (entries) => seen.push(...entries.map((entry) => entry.id)),
      onError: (error) => errors.push(error),
    });
    await vi.waitFor(() => expect(reads).toEqual([0]), 10_000);
    expect(errors).toHaveLength(1);
    await appendAttested(store, TENANT, 'common', decisionChain('common', 3));
    await vi.waitFor(() => expect(reads.length).toBeGreaterThan(1), 10_000);
    const [newest] = await queryDecisions(store, TENANT, {}, { limit: 1 });
    await appendAttested(store, TENANT, 'rare', decisionChain('rare', 1));
    await vi.waitFor(() => expect(seen).toEqual(['rare-1']), 10_000);
    expect(reads.at(-1)).toBeGreaterThanOrEqual(newest?.position ?? Number.NaN);
    await stop();
  });
});
