import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabaseCheck } from '../../../control-plane/store/database-fault.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { resource, TestControlPlane } from '../../support/control-plane/control-plane.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

const FAULT = 'the database answers, and finishes no change: its synchronous standby may be away';

describe.skipIf(!hasPostgres)('a database whose synchronous standby is away', () => {
  let server: TestPostgres;
  let url: string;
  let plane: TestControlPlane;
  let operator: pg.Client;
  const setStandby = async (name: string): Promise<void> => {
    await operator.query(`alter system set synchronous_standby_names = '${name}'`);
    await operator.query('select pg_reload_conf()');
  };
  const stuckCommits = async (): Promise<unknown> => {
    const stuck =
      "select count(*)::int as count from pg_stat_activity where state = 'active' and wait_event = 'SyncRep'";
    return (await operator.query(stuck)).rows[0].count;
  };
  const ready = () => plane.rest('GET', '/readyz');

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    plane = await TestControlPlane.start({ databaseUrl: url });
    operator = new pg.Client({ connectionString: url });
    await operator.connect();
  }, 60_000);
  afterAll(async () => {
    await setStandby('');
    await operator.end();
    await plane.close();
    await server.stop();
  });

  it('is not ready, says why, and has one commit wait for all who ask', { timeout: 60_000 }, async () => {
    expect((await ready()).status).toBe(200);
    await setStandby('nobody');
    await expect
      .poll(ready, { timeout: 10_000 })
      .toMatchObject({ status: 503, body: { code: 'not-ready', detail: FAULT } });
    // Reading goes on.
    expect((await plane.rest('GET', '/v1/resources')).status).toBe(200);
    expect(await Promise.all([ready(), ready(), ready()])).toMatchObject(
      Array.from({ length: 3 }, () => ({ status: 503, body: { detail: FAULT } })),
    );
    expect(await stuckCommits()).toBe(1);
  });

  it('is ready once it is back', { timeout: 60_000 }, async () => {
    await setStandby('');
    await expect.poll(async () => (await ready()).status, { timeout: 10_000 }).toBe(200);
    expect(await stuckCommits()).toBe(0);
    const resources = [resource('ServerWorkload', 'b', { hosts: ['b.example.com'] })];
    expect((await plane.rest('POST', '/v1/apply', { resources })).status).toBe(200);
  });

  it('has no commit added to one of another replica that waits', { timeout: 60_000 }, async () => {
    const other = await openStore({ url });
    await setStandby('nobody');
    await expect.poll(ready, { timeout: 10_000 }).toMatchObject({ status: 503 });
    await expect.poll(createDatabaseCheck(other)).toBe(FAULT);
    expect(await stuckCommits()).toBe(1);
    await setStandby('');
    await expect.poll(stuckCommits).toBe(0);
    await other.close();
  });
});
