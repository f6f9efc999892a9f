import { randomUUID } from 'node:crypto';
import { CompactSign } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash } from '../../../../common/decision-chain.ts';
import { type Checkpoint, digestOfStatement, signCheckpoint } from '../../../../control-plane/audit/checkpoint.ts';
import { verifyChains } from '../../../../control-plane/audit/verify.ts';
import { verifyCheckpoints } from '../../../../control-plane/audit/verify-checkpoints.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { appendAttested, decisionChain } from '../../../support/control-plane/decision-chain.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';

let store: SqlStore;
let keys: SigningKeyRing;
let tenant: string;
beforeAll(async () => {
  store = await openStore();
  keys = await SigningKeyRing.open(createMemoryKeyStore(), new ManualClock());
}, 120_000);
afterAll(() => store.close());
beforeEach(async () => {
  tenant = randomUUID();
  await store.system((tx) => tx.query('insert into tenants (name) values ($1)', [tenant]));
});

/** As whoever holds the database: no trigger and no row-level security stands in the way. */
const edit = (...statements: string[]): Promise<unknown> =>
  store.system(async (tx) => {
    await tx.query(`select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`);
    for (const text of statements) await tx.query(text.replaceAll('TENANT', `'${tenant}'`));
  });
const of = (where: string): string => `where tenant = TENANT and instance_id = 'a' ${where}`;
const append = (instance: string, count: number) =>
  appendAttested(store, tenant, instance, decisionChain(instance, count));
/** By sequence; the first is what the chain begins with. */
const hashes = [genesisHash('a'), ...decisionChain('a', 50).map(({ hash }) => hash)].map((hash) =>
  hash.toString('hex'),
);
const headAt = (sequence: number): string =>
  `update decision_heads set sequence = ${sequence}, hash = decode('${hashes[sequence]}', 'hex') ${of('')}`;

describe('what checking a chain of 4 records shows', () => {
  it.each<[what: string, edits: string[], records: number, fault: string | undefined]>([
    ['nothing is wrong', [], 4, undefined],
    ['the head is from before the last came', [headAt(2)], 4, undefined],
    ['the head names another end', [`update decision_heads set hash = '\\x00' ${of('')}`], 4, 'the end differs'],
    ['so does one from before', [headAt(2), `update decision_heads set sequence = 3 ${of('')}`], 4, 'the end differs'],
    ['the head is gone', [`delete from decision_heads ${of('')}`], 4, 'the kept head is missing'],
    ['the last is gone', [`delete from decisions ${of('and sequence = 4')}`], 3, 'the last 1 records are missing'],
    ['all are gone', [`delete from decisions ${of('')}`], 0, 'the last 4 records are missing'],
    [
      'a column says otherwise',
      [`update decisions set host = 'x' ${of('and sequence = 2')}`],
      2,
      'column host of record 2',
    ],
    [
      'so does a list',
      [`update decisions set workloads = '{x}' ${of('and sequence = 3')}`],
      3,
      'column workloads of record 3',
    ],
    [
      'content was changed',
      [`update decisions set record = record || '\\x00' ${of('and sequence = 3')}`],
      2,
      'record 3 does not have',
    ],
    [
      'a link was changed',
      [`update decisions set previous_hash = hash ${of('and sequence = 3')}`],
      2,
      'record 3 names another',
    ],
  ])('%s', async (_what, edits, records, fault) => {
    await append('a', 4);
    await append('b', 1);
    await edit(...edits);
    const [a, b] = await verifyChains(store, tenant);
    expect(a).toMatchObject({
      instanceId: 'a',
      records,
      fault: fault === undefined ? fault : expect.stringContaining(fault),
    });
    expect(a?.lastHash).toBe(hashes[records]);
    expect(b).toMatchObject({ instanceId: 'b', records: 1, gaps: [], fault: undefined });
    expect(await verifyChains(store, tenant, 'a')).toEqual([a]);
  });

  it('is nothing wrong where a proxy has a head and no record yet', async () => {
    await append('a', 1);
    await edit(`delete from decisions ${of('')}`, headAt(0));
    expect(await verifyChains(store, tenant)).toMatchObject([{ records: 0, gaps: [], fault: undefined }]);
    await edit(`update decision_heads set hash = '\\x00' ${of('')}`);
    expect(await verifyChains(store, tenant)).toMatchObject([{ fault: 'the end differs from the kept head' }]);
  });

  it.each([
    [
      [2, 3, 7],
      'records 2 to 3, 7 to 7 are missing',
      [
        { first: 2, last: 3 },
        { first: 7, last: 7 },
      ],
    ],
    [
      Array.from({ length: 24 }, (_, at) => 2 * at + 1),
      ' and perhaps more are missing',
      Array.from({ length: 20 }, (_, at) => ({ first: 2 * at + 1, last: 2 * at + 1 })),
    ],
  ])('gaps, up to 20 of them: %j', async (gone, fault, gaps) => {
    await append('a', 50);
    await edit(`delete from decisions ${of(`and sequence in (${gone.join()})`)}`);
    const [report] = await verifyChains(store, tenant);
    expect(report).toMatchObject({ records: 50 - gone.length, gaps, fault: expect.stringContaining(fault) });
  });

  it('goes on behind the first thousand records', async () => {
    await append('a', 1_001);
    expect(await verifyChains(store, tenant)).toMatchObject([{ records: 1_001, fault: undefined }]);
    await edit(`update decisions set port = 1 ${of('and sequence = 1001')}`);
    expect(await verifyChains(store, tenant)).toMatchObject([{ fault: expect.stringContaining('column port') }]);
  });
});

describe('what checking checkpoints shows', () => {
  const head = (sequence: number, hash = hashes[sequence] ?? '') => ({ instance: 'a', sequence, hash });
  /** Signed statements, each linked to the one before and of the record with its number, changed as said. */
  async function statements(count: number, changes: Record<number, Partial<Checkpoint>> = {}): Promise<string[]> {
    const made: string[] = [];
    for (let number = 1; number <= count; number += 1) {
      const heads = [head(Math.min(number, 4))];
      const content = { tenant, number, previous: digestOfStatement(made.at(-1)), at: '2026-01-01', heads };
      made.push(await signCheckpoint({ ...content, ...changes[number] }, keys));
    }
    return made;
  }
  const keep = (made: readonly string[], numberOf = (at: number) => at + 1): Promise<unknown> =>
    edit(...made.map((text, at) => `insert into decision_checkpoints values (TENANT, ${numberOf(at)}, '${text}')`));
  const verify = (kept?: string) => verifyCheckpoints(store, keys, tenant, kept);
  const other = 'ab'.repeat(32);

  it.each<[what: string, changes: Record<number, Partial<Checkpoint>>, count: number, fault: string | undefined]>([
    ['nothing is wrong', {}, 3, undefined],
    ['the first follows another', { 1: { previous: other } }, 0, 'checkpoint 1 follows another one'],
    ['the second follows another', { 2: { previous: other } }, 1, 'checkpoint 2 follows another one'],
    ['a number comes twice', { 2: { number: 1 } }, 1, 'checkpoint 2 is missing'],
    ['a number is left out', { 3: { number: 4 } }, 2, 'checkpoint 3 is missing'],
    [
      'a record is another',
      { 3: { heads: [head(1), head(2, other)] } },
      2,
      'record 2 of a is not the one that checkpoint 3',
    ],
    [
      'a record is not there',
      { 3: { heads: [head(5)] } },
      2,
      'record 5 of a, which checkpoint 3 vouches for, is missing',
    ],
    ['it is of another tenant', { 2: { tenant: 'else' } }, 1, 'the checkpoint is of another tenant'],
    ['it says what none does', { 2: { heads: [] } }, 1, 'the checkpoint does not verify'],
  ])('%s', async (_what, changes, count, fault) => {
    await append('a', 4);
    const made = await statements(3, changes);
    await keep(made);
    const report = await verify();
    expect(report).toEqual({
      count,
      latest: made[count - 1],
      sealed: new Map(count === 0 ? [] : [['a', count]]),
      fault: fault === undefined ? fault : expect.stringContaining(fault),
    });
  });

  it('a statement stands under its own number', async () => {
    await append('a', 4);
    await keep(await statements(2), (at) => at * 2 + 1);
    expect(await verify()).toMatchObject({ count: 1, fault: 'checkpoint 2 is missing' });
  });

  it('one from elsewhere is the last, or was followed by others, or is none of these', async () => {
    await append('a', 4);
    const [first = '', second = '', third] = await statements(3);
    await keep([first, second]);
    for (const kept of [undefined, first, second])
      expect(await verify(kept)).toMatchObject({ count: 2, fault: undefined });
    expect(await verify(third)).toMatchObject({
      count: 2,
      fault: expect.stringContaining('before number 3 that was kept'),
    });
    const [stranger] = await statements(1, { 1: { at: '2025-01-01' } });
    expect(await verify(stranger)).toMatchObject({ count: 0, fault: 'checkpoint 1 is not the one that was kept' });
  });

  it.each([
    ['of another tenant', { 1: { tenant: 'else' } }, 'is of tenant "else", and this is the log of'],
    ['that says what none does', { 1: { heads: [] } }, 'does not verify; this log cannot be proven by it'],
  ])('one from elsewhere %s is no fault of the log', async (_what, changes, message) => {
    await append('a', 4);
    await keep(await statements(1));
    const [kept] = await statements(1, changes);
    const refusal = { code: 'checkpoint-unusable', message: expect.stringContaining(message) };
    await expect(verify(kept)).rejects.toMatchObject(refusal);
  });

  it('goes on behind the first five hundred', async () => {
    await append('a', 4);
    await keep(await statements(501));
    expect(await verify()).toMatchObject({ count: 501, fault: undefined });
  });

  it.each([
    ['no key', { alg: 'ES256', typ: 'sidekey-checkpoint+jws' }, 'signed with a key that is not ours'],
    ['another kind of statement', { alg: 'ES256', typ: 'JWT' }, 'this is no checkpoint'],
  ])('refuses one that names %s', async (_what, named, fault) => {
    const { id, privateKey } = keys.current();
    const content = { tenant, number: 1, previous: digestOfStatement(undefined), at: '2026-01-01', heads: [head(1)] };
    const kid = named.typ === 'JWT' ? { kid: id } : {};
    const bytes = Buffer.from(JSON.stringify(content));
    const statement = await new CompactSign(bytes).setProtectedHeader({ ...named, ...kid }).sign(privateKey);
    await expect(verify(statement)).rejects.toThrow(fault);
  });
});
