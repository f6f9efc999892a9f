import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DecisionWriter } from '../../../control-plane/audit/decision-writer.ts';
import { revoke } from '../../../control-plane/policy/revocation-store.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { decisionChain, storeSession } from '../../support/control-plane/decision-chain.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

const PROXIES = 40;

describe.skipIf(!hasPostgres)('a pool of connections', () => {
  let server: TestPostgres;
  let store: SqlStore;
  let url: string;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    store = await openStore({ url });
    await store.system((tx) => tx.query("insert into tenants (name) values ('busy')"));
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  it('serves a revocation while the log of another tenant stands still', { timeout: 90_000 }, async () => {
    for (let index = 0; index < PROXIES; index += 1) {
      const instanceId = `proxy-${index}`;
      await storeSession(store, 'busy', { id: `session of ${instanceId}`, instanceId });
    }
    // As another replica whose disk has become slow, in the middle of an append.
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query('begin');
    await other.query("select pg_advisory_xact_lock(hashtextextended('decisions busy', 0))");
    const writer = new DecisionWriter(store);
    const appends = Array.from({ length: PROXIES }, (_, index) => {
      const instance = `proxy-${index}`;
      return writer.append('busy', instance, decisionChain(instance, 2));
    });
    const done = Promise.allSettled(appends);
    const request = { target: 'user', name: 'alice', by: 'test', atMs: Date.now() } as const;
    const revocation = await store.transaction('default', (tx) => revoke(tx, 'default', request));
    expect(revocation.name).toBe('alice');
    await other.query('rollback');
    await other.end();
    expect((await done).map((one) => one.status)).toEqual(appends.map(() => 'fulfilled'));
  });
});
