import { expect, it } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { CHANNELS, notifyFrom, type Sql } from '../../../control-plane/store/sql-store.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const addTenant = (tx: Sql, name: string) =>
  tx.query('insert into tenants (name) values ($1) on conflict do nothing', [name]);
const addResource = (tx: Sql, tenant: string, name: string) =>
  tx.query(
    `insert into resources (tenant, kind, name, metadata, spec, version) values ($1, 'Tenant', $2, '{}', $3::jsonb, 1)`,
    [tenant, name, JSON.stringify({ of: tenant })],
  );
const tenantTables = [
  'resources',
  'sealed_secrets',
  'sessions',
  'revocations',
  'decision_heads',
  'decisions',
  'authorities',
];

describeStores('sql store', (fixture) => {
  it('returns each type as its JavaScript one', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const rows = await fixture().store.system((tx) =>
      tx.query<Record<string, unknown>>(
        'select $1::bigint as n, $2::bytea as b, $3::timestamptz as t, $4::jsonb as j, $5::text[] as a, $6::text as z',
        [2 ** 40, Buffer.from([0, 255, 1]), at, '{"a":[1]}', ['x', 'y,"z'], null],
      ),
    );
    expect(rows).toEqual([
      { n: 2 ** 40, b: Buffer.from([0, 255, 1]), t: at, j: { a: [1] }, a: ['x', 'y,"z'], z: null },
    ]);
    expect(Buffer.isBuffer(rows[0]?.['b'])).toBe(true);
  });

  it('lets everything else go on during a long transaction', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await fixture().store.system(async (tx) => {
      for (let count = 0; count < 300; count += 1) await tx.query('select sum(n) from generate_series(1, 1000) as n');
    });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });

  it('tells a database that has no room from one that fails', async () => {
    const { store } = fixture();
    const raise = (code: string) =>
      store.system((tx) => tx.query(`do $$ begin raise exception 'no space left' using errcode = '${code}'; end $$`));
    await expect(raise('53100')).rejects.toMatchObject({
      code: 'store-unavailable',
      message: 'the database is out of disk space, memory or connections',
      cause: { message: 'no space left' },
    });
    await expect(raise('22000')).rejects.not.toHaveProperty('code', 'store-unavailable');
    expect(await store.system((tx) => tx.query('select 1 as n'))).toEqual([{ n: 1 }]);
  });

  it('rolls back on a throw and lets the error through', async () => {
    const { store } = fixture();
    const failure = new Error('no');
    await expect(
      store.system(async (tx) => {
        await addTenant(tx, 'rolled-back');
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(await store.system((tx) => tx.query("select name from tenants where name = 'rolled-back'"))).toEqual([]);
  });

  it('shows a query that forgets the tenant nothing of another tenant', async () => {
    const { store } = fixture();
    await store.system(async (tx) => {
      await addTenant(tx, 'acme');
      await addTenant(tx, 'globex');
      await addResource(tx, 'acme', 'one');
      await addResource(tx, 'globex', 'two');
    });
    const names = (tenant: string) =>
      store.transaction(tenant, (tx) => tx.query<{ name: string }>('select name from resources'));
    expect(await names('acme')).toEqual([{ name: 'one' }]);
    expect(await names('globex')).toEqual([{ name: 'two' }]);
    expect(await names('')).toEqual([]);
    expect(await store.transaction('acme', (tx) => tx.query('select name from tenants'))).toEqual([{ name: 'acme' }]);
  });

  it('neither writes, changes nor deletes rows of another tenant', async () => {
    const { store } = fixture();
    await expect(store.transaction('acme', (tx) => addResource(tx, 'globex', 'three'))).rejects.toThrow(
      /row-level security/,
    );
    await store.transaction('acme', async (tx) => {
      await tx.query(`update resources set spec = '{"stolen":true}'`);
      await tx.query('delete from resources');
    });
    const left = await store.system((tx) => tx.query('select name, spec from resources'));
    expect(left).toEqual([{ name: 'two', spec: { of: 'globex' } }]);
  });

  it('keeps signing keys and tenant creation from the tenant role', async () => {
    const { store } = fixture();
    await expect(store.transaction('acme', (tx) => tx.query('select * from signing_keys'))).rejects.toThrow(
      /permission denied/,
    );
    await expect(store.transaction('acme', (tx) => addTenant(tx, 'evil'))).rejects.toThrow(/permission denied/);
    const changing = store.transaction('acme', (tx) => tx.query(`update tenants set spec = '{"mine":true}'`));
    await expect(changing).rejects.toThrow(/permission denied/);
  });

  it.each(tenantTables)('isolates table %s even from its owner', async (table) => {
    const rows = await fixture().store.system((tx) =>
      tx.query('select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass', [table]),
    );
    expect(rows).toEqual([{ relrowsecurity: true, relforcerowsecurity: true }]);
  });

  it('leaves no table with a tenant without row-level security', async () => {
    const rows = await fixture().store.system((tx) =>
      tx.query(`select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)`),
    );
    expect(rows).toEqual([{ relname: 'schema_migrations' }]);
  });

  it('isolates all tables in the same way, and shows a member of both roles who acts as neither no row', async () => {
    const { store } = fixture();
    const rules = `select distinct policyname, qual, with_check from pg_policies order by policyname, qual`;
    const policies = await store.system((tx) => tx.query<{ policyname: string }>(rules));
    // That of the tenants goes by their name.
    expect(policies.map(({ policyname }) => policyname)).toEqual(['system_rows', 'tenant_rows', 'tenant_rows']);
    const rolledBack = new Error('rolled back');
    const looking = store.system(async (tx) => {
      expect(await tx.query('select name from tenants')).not.toEqual([]);
      await tx.query("select set_config('role', 'none', true), set_config('sidekey.tenant', 'acme', true)");
      await tx.query('create role sidekey_visitor in role sidekey_tenant, sidekey_system');
      await tx.query("select set_config('role', 'sidekey_visitor', true)");
      for (const table of ['tenants', 'signing_keys', 'used_proofs', ...tenantTables]) {
        expect([table, ...(await tx.query(`select * from ${table}`))]).toEqual([table]);
      }
      throw rolledBack;
    });
    await expect(looking).rejects.toBe(rolledBack);
  });

  it('lets nobody change or delete a decision', async () => {
    const { store } = fixture();
    await store.transaction('acme', (tx) =>
      tx.query(
        `insert into decisions (position, tenant, instance_id, sequence, previous_hash, hash, record, decision_id, at, outcome, reason)
         values (1, 'acme', 'i', 1, '\\x00', '\\x01', '\\x02', 'd', now(), 'allowed', 'ok')`,
      ),
    );
    for (const text of ["update decisions set reason = 'x'", 'delete from decisions']) {
      await expect(store.transaction('acme', (tx) => tx.query(text))).rejects.toThrow(/permission denied/);
      await expect(store.system((tx) => tx.query(text))).rejects.toThrow(/append-only/);
    }
    for (const table of ['decisions', 'decision_checkpoints']) {
      await expect(store.system((tx) => tx.query(`truncate ${table}`))).rejects.toThrow(/permission denied/);
      const asOwner = store.system(async (tx) => {
        await tx.query("select set_config('role', 'none', true)");
        await tx.query(`truncate ${table}`);
      });
      await expect(asOwner).rejects.toThrow(/append-only/);
    }
  });

  it('lets a tenant do no more to each table than it has to', async () => {
    const may = `select relname as table, string_agg(what, ' ' order by what) as may
      from pg_class, unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as what
      where relnamespace = 'public'::regnamespace and relkind = 'r' and has_table_privilege('sidekey_tenant', oid, what)
      group by relname order by relname`;
    const rights = await fixture().store.system((tx) => tx.query<{ table: string; may: string }>(may));
    expect(rights.map(({ table, may: all }) => `${table}: ${all}`)).toEqual([
      'authorities: delete insert select update',
      'decision_checkpoints: insert select',
      'decision_heads: insert select update',
      'decisions: insert select',
      'resources: delete insert select update',
      'revocations: insert select update',
      'sealed_secrets: delete insert select update',
      'sessions: delete insert select update',
      // And the version of its policy.
      'tenants: select',
    ]);
  });

  it('delivers notifications when, and only if, the transaction commits', async () => {
    const { store } = fixture();
    const heard: string[] = [];
    const stop = await store.listen(CHANNELS.policy, (payload) => heard.push(payload));
    await store.transaction('acme', (tx) => notifyFrom(tx, CHANNELS.policy, 'first'));
    await store
      .transaction('acme', async (tx) => {
        await notifyFrom(tx, CHANNELS.policy, 'never');
        throw new Error('rolled back');
      })
      .catch(() => {});
    await store.system((tx) => notifyFrom(tx, CHANNELS.policy, 'second'));
    await expect.poll(() => heard).toEqual(['first', 'second']);
    await stop();
    await store.system((tx) => notifyFrom(tx, CHANNELS.policy, 'third'));
    await store.system((tx) => tx.query('select 1'));
    expect(heard).toEqual(['first', 'second']);
  });

  it('runs transactions at the same time without mixing tenants', async () => {
    const { store } = fixture();
    const seen = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        store.transaction(index % 2 === 0 ? 'acme' : 'globex', (tx) =>
          tx.query<{ tenant: string }>("select current_setting('sidekey.tenant') as tenant"),
        ),
      ),
    );
    expect(seen.map((rows) => rows[0]?.tenant)).toEqual(seen.map((_, index) => (index % 2 === 0 ? 'acme' : 'globex')));
  });

  it('opens again without migrating twice, replicas starting at once included', async () => {
    const { url, store } = fixture();
    if (url === undefined) return;
    const replicas = await Promise.all(Array.from({ length: 4 }, () => openStore({ url })));
    await Promise.all(replicas.map((replica) => replica.close()));
    const rows = await store.system((tx) =>
      tx.query<{ count: number }>("select count(*) from tenants where name = 'default'"),
    );
    expect(rows).toEqual([{ count: 1 }]);
  });
});
