import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sealLog } from '../../../../control-plane/audit/seal-log.ts';
import { verifyChains } from '../../../../control-plane/audit/verify.ts';
import { verifyCheckpoints } from '../../../../control-plane/audit/verify-checkpoints.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { appendAttested, decisionChain } from '../../../support/control-plane/decision-chain.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';

// The table of docs/storage.md: every right in the database, no sealing key.
describe('an insider who writes the database', () => {
  const clock = new ManualClock();
  let store: SqlStore;
  let keys: SigningKeyRing;
  let tenant: string;
  let other: string;
  beforeAll(async () => {
    store = await openStore();
    keys = await SigningKeyRing.open(createMemoryKeyStore(), clock);
  }, 120_000);
  afterAll(() => store.close());

  const append = (instance: string, count: number, from = 1) =>
    appendAttested(store, tenant, instance, decisionChain(instance, count).slice(from - 1));
  const seal = (ofTenant = tenant) => sealLog({ store, keys, clock }, ofTenant);

  /** Two chains, `a` sealed at 4 and 8, `b` at 4 only; then one that is not sealed. */
  beforeEach(async () => {
    [tenant, other] = [randomUUID(), randomUUID()];
    await store.system((tx) => tx.query('insert into tenants (name) values ($1), ($2)', [tenant, other]));
    await append('a', 4);
    await append('b', 4);
    await seal();
    await append('a', 8);
    await seal();
    await append('unsealed', 4);
    expect(await faults()).toEqual([]);
  });

  /** No trigger and no row-level security stands in the way; TENANT and OTHER are the tenants. */
  const edit = (...statements: string[]): Promise<unknown> =>
    store.system(async (tx) => {
      await tx.query(
        `select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`,
      );
      for (const text of statements) {
        await tx.query(text.replaceAll('TENANT', `'${tenant}'`).replaceAll('OTHER', `'${other}'`));
      }
    });

  async function faults(ofTenant = tenant, kept?: string): Promise<string[]> {
    const chains = (await verifyChains(store, ofTenant)).map(
      ({ instanceId, fault }) => fault && `${instanceId}: ${fault}`,
    );
    const { fault } = await verifyCheckpoints(store, keys, ofTenant, kept);
    return [...chains, fault].filter((each) => each !== undefined);
  }

  const cutHead = (instance: string, to: number) =>
    `update decision_heads set sequence = ${to}, sealed_sequence = least(sealed_sequence, ${to}),
       hash = (select hash from decisions where tenant = TENANT and instance_id = '${instance}' and sequence = ${to})
     where tenant = TENANT and instance_id = '${instance}'`;
  const drop = (instance: string, where = '') => [
    `delete from decisions where tenant = TENANT and instance_id = '${instance}' ${where}`,
    ...(where === '' ? [`delete from decision_heads where tenant = TENANT and instance_id = '${instance}'`] : []),
  ];
  const move = (instance: string) =>
    ['decisions', 'decision_heads'].map(
      (table) => `update ${table} set tenant = OTHER where tenant = TENANT and instance_id = '${instance}'`,
    );
  const renumber = `update decisions set sequence = sequence - 2 where tenant = TENANT and instance_id = 'unsealed'`;

  it.each([
    {
      what: 'takes records out of a chain',
      edits: drop('unsealed', 'and sequence in (2, 3)'),
      told: /unsealed: records 2 to 3 are missing/,
    },
    {
      what: 'takes the first records out',
      edits: drop('unsealed', 'and sequence < 3'),
      told: /unsealed: records 1 to 2 are missing/,
    },
    {
      what: 'closes that gap with new numbers',
      edits: [...drop('unsealed', 'and sequence < 3'), renumber, cutHead('unsealed', 2)],
      told: /unsealed: .*names another predecessor/,
    },
    {
      what: 'cuts off a sealed end',
      edits: [cutHead('a', 6), ...drop('a', 'and sequence > 6')],
      told: /record 8 of a.* is missing/,
    },
    { what: 'deletes a sealed chain', edits: drop('b'), told: /record 4 of b.* is missing/ },
    { what: 'moves a sealed chain to another tenant', edits: move('b'), told: /record 4 of b.* is missing/ },
    {
      what: 'deletes a checkpoint before the last',
      edits: ['delete from decision_checkpoints where tenant = TENANT and number = 1'],
      told: /checkpoint 1 is missing/,
    },
  ])('is told of when they: $what', async ({ edits, told }) => {
    await edit(...edits);
    expect((await faults()).join('\n')).toMatch(told);
  });

  it('is told of in the other tenant, when checkpoints are moved there', async () => {
    await edit(...move('a'), ...move('b'), 'update decision_checkpoints set tenant = OTHER where tenant = TENANT');
    expect((await faults(other)).join('\n')).toMatch(/the checkpoint is of another tenant/);
  });

  it('who cuts off an end that was not sealed yet is told of by the proxy that goes on', async () => {
    await edit(cutHead('unsealed', 2), ...drop('unsealed', 'and sequence > 2'));
    expect(await faults()).toEqual([]);
    await expect(append('unsealed', 5, 5)).rejects.toMatchObject({ code: 'chain-gap' });
    const [, , , , fifth] = decisionChain('unsealed', 5);
    const [, second] = decisionChain('unsealed', 2);
    const held = { sequence: 2, hash: second?.hash ?? Buffer.alloc(32) };
    await appendAttested(store, tenant, 'unsealed', fifth === undefined ? [] : [fifth], held);
    expect(await faults()).toEqual(['unsealed: records 3 to 4 are missing']);
    await seal();
    expect(await faults()).toEqual(['unsealed: records 3 to 4 are missing']);
  });

  it.each([
    {
      what: 'the last checkpoint, with what it alone vouches for',
      from: 2,
      also: [cutHead('a', 4), ...drop('a', 'and sequence > 4')],
    },
    { what: 'all checkpoints, with a whole chain', from: 1, also: drop('b') },
  ])('who deletes $what is told of by a checkpoint from elsewhere alone', async ({ from, also }) => {
    const { latest } = await verifyCheckpoints(store, keys, tenant);
    await edit(...also, `delete from decision_checkpoints where tenant = TENANT and number >= ${from}`);
    await edit('update decision_heads set sealed_sequence = 0 where tenant = TENANT');
    await seal();
    expect(await faults()).toEqual([]);
    expect((await faults(tenant, latest)).join('\n')).toMatch(/that was kept|not the one that was kept/);
  });

  it('who adds a chain that never was is not told of', async () => {
    await append('invented', 3);
    await seal();
    expect(await faults()).toEqual([]);
  });
});
