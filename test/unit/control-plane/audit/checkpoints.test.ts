import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealLog, sealLogs } from '../../../../control-plane/audit/seal-log.ts';
import { verifyChains } from '../../../../control-plane/audit/verify.ts';
import { verifyCheckpoints } from '../../../../control-plane/audit/verify-checkpoints.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';
import { openStore } from '../../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../../control-plane/store/sql-store.ts';
import { appendAttested, decisionChain } from '../../../support/control-plane/decision-chain.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const TENANT = 'default';

describe('checkpoints of the decision log', () => {
  const clock = new ManualClock();
  let store: SqlStore;
  let keys: SigningKeyRing;
  const seal = () => sealLog({ store, keys, clock }, TENANT);
  const verify = (kept?: string) => verifyCheckpoints(store, keys, TENANT, kept);
  const append = (instance: string, count: number, changes: object = {}) =>
    appendAttested(store, TENANT, instance, decisionChain(instance, count, changes));

  /** As whoever holds the database: no trigger and no row-level security stands in the way. */
  const edit = (...statements: string[]): Promise<unknown> =>
    store.system(async (tx) => {
      await tx.query(
        `select set_config('role', 'none', true), set_config('session_replication_role', 'replica', true)`,
      );
      for (const text of statements) await tx.query(text);
    });

  beforeAll(async () => {
    store = await openStore();
    keys = await SigningKeyRing.open(createMemoryKeyStore(), clock);
  }, 120_000);
  afterAll(() => store.close());

  it('are made of what has grown, each linked to the one before', async () => {
    expect(await seal()).toBe(0);
    await append('a', 3);
    await sealLogs({ store, keys, clock });
    expect(await seal()).toBe(0);
    await append('a', 5);
    await append('b', 2);
    expect(await seal()).toBe(2);
    const report = await verify();
    expect(report).toMatchObject({ count: 2, fault: undefined });
    expect(Object.fromEntries(report.sealed)).toEqual({ a: 5, b: 2 });
  });

  it('cover every chain that has grown, however many', async () => {
    await store.system(async (tx) => {
      await tx.query("insert into tenants (name) values ('many')");
      await tx.query(
        `insert into decision_heads (tenant, instance_id, sequence, hash)
         select 'many', 'proxy-' || n, 1, decode(repeat('00', 32), 'hex') from generate_series(1, 1200) n`,
      );
    });
    await sealLogs({ store, keys, clock });
    const left = 'select instance_id from decision_heads where sequence > sealed_sequence';
    expect(await store.system((tx) => tx.query(left))).toEqual([]);
    const made = "select number from decision_checkpoints where tenant = 'many' order by number";
    expect(await store.system((tx) => tx.query(made))).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }]);
  });

  it('are made once of chains that grow all the time', async () => {
    await edit(
      "insert into tenants (name) values ('busy')",
      `insert into decision_heads (tenant, instance_id, sequence, hash)
       select 'busy', 'proxy-' || n, 1, decode(repeat('00', 32), 'hex') from generate_series(1, 2) n`,
      `create function grow() returns trigger language plpgsql as
       'begin new.sequence := new.sequence + 1; return new; end'`,
      `create trigger grow before update on decision_heads for each row when (new.tenant = 'busy') execute function grow()`,
    );
    await sealLogs({ store, keys, clock });
    await edit('drop trigger grow on decision_heads');
    const made = "select number from decision_checkpoints where tenant = 'busy'";
    expect(await store.system((tx) => tx.query(made))).toEqual([{ number: 1 }]);
  });

  it('show a chain that was built anew by who can write everything but sign', async () => {
    await append('forged', 4);
    await seal();
    await edit(
      `delete from decisions where instance_id = 'forged'`,
      `delete from decision_heads where instance_id = 'forged'`,
    );
    await append('forged', 4, { path: '/other' });
    expect(await verifyChains(store, TENANT, 'forged')).toMatchObject([{ records: 4, fault: undefined }]);
    expect((await verify()).fault).toMatch(/record 4 of forged is not the one that checkpoint 3 vouches for/);
    await edit(
      `delete from decisions where instance_id = 'forged'`,
      `delete from decision_heads where instance_id = 'forged'`,
    );
    await append('forged', 4);
    expect((await verify()).fault).toBeUndefined();
  });

  it('show a tail that was cut off, together with its head', async () => {
    await append('cut', 4);
    await seal();
    await edit(
      `delete from decisions where instance_id = 'cut' and sequence > 2`,
      `update decision_heads set sequence = 2, hash = (select hash from decisions where instance_id = 'cut' and sequence = 2)
       where instance_id = 'cut'`,
    );
    expect(await verifyChains(store, TENANT, 'cut')).toMatchObject([{ records: 2, fault: undefined }]);
    expect((await verify()).fault).toMatch(/record 4 of cut.* is missing/);
    await append('cut', 4);
    expect((await verify()).fault).toBeUndefined();
  });

  it('show a statement by another key, an edited one, and one that is missing', async () => {
    const strangers = await SigningKeyRing.open(createMemoryKeyStore(), clock);
    expect((await verifyCheckpoints(store, strangers, TENANT)).fault).toMatch(/not ours/);
    const { latest } = await verify();
    await edit(`update decision_checkpoints set statement = statement || 'x' where number = 2`);
    expect((await verify()).fault).toMatch(/does not verify/);
    await edit(`update decision_checkpoints set statement = left(statement, -1) where number = 2`);
    await edit(
      `create table aside as select * from decision_checkpoints where number = 2`,
      `delete from decision_checkpoints where number = 2`,
    );
    expect((await verify()).fault).toMatch(/checkpoint 2 is missing/);
    await edit(`insert into decision_checkpoints select * from aside`);
    expect(await verify(latest)).toMatchObject({ fault: undefined });
  });

  it('kept elsewhere show a log that was put back as a whole', async () => {
    const { count, latest } = await verify();
    await edit(`create table later as select * from decision_checkpoints where number = ${count}`);
    await edit(`delete from decision_checkpoints where number = ${count}`);
    expect((await verify()).fault).toBeUndefined();
    expect((await verify(latest)).fault).toMatch(/before number \d+ that was kept/);
    // A history that went on otherwise has another statement under that number.
    await append('other-history', 1);
    await seal();
    expect((await verify(latest)).fault).toMatch(/is not the one that was kept/);
    await expect(verify('nonsense')).rejects.toThrow(/does not verify; this log cannot be proven by it/);
  });

  it('verify after their key was replaced', async () => {
    await keys.rotateNow();
    await append('after-rotation', 1);
    expect(await seal()).toBe(1);
    expect((await verify()).fault).toBeUndefined();
  });
});
