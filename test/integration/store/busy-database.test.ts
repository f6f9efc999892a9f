import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  billingResources,
  resource,
  TestCluster,
  TestControlPlane,
} from '../../support/control-plane/control-plane.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';
import { RawProxy, reasonOf } from '../../support/agents/raw-proxy.ts';

describe.skipIf(!hasPostgres)('a database that answers, and does not work', () => {
  let server: TestPostgres;
  let plane: TestControlPlane;
  let operator: pg.Client;
  const cluster = new TestCluster();
  const change = () =>
    plane.rest('POST', '/v1/apply', { resources: [resource('ServerWorkload', 'b', { hosts: ['b.example.com'] })] });

  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.createDatabase();
    plane = await TestControlPlane.start({ databaseUrl: url });
    await plane.rest('POST', '/v1/apply', { resources: billingResources(await cluster) });
    operator = new pg.Client({ connectionString: url });
    await operator.connect();
  }, 60_000);
  afterAll(async () => {
    await operator.end();
    await plane.close();
    await server.stop();
  });

  it('says that it is busy when a statement took too long, or was cancelled', async () => {
    await operator.query('begin');
    await operator.query('lock table resources in access exclusive mode');
    const changed = change();
    await expect
      .poll(async () => {
        const waiting = `select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`;
        return (await operator.query(waiting)).rowCount;
      })
      .toBe(1);
    expect(await changed).toMatchObject({
      status: 503,
      body: { code: 'store-unavailable', detail: expect.stringContaining('the database is busy') },
    });
    await operator.query('rollback');
    expect((await change()).status).toBe(200);
  });

  it('is not ready on a standby, says so, and goes on once it is the primary again', async () => {
    const readOnly = async (is: 'on' | 'off'): Promise<void> => {
      await operator.query(`alter system set default_transaction_read_only = ${is}`);
      await operator.query('select pg_reload_conf()');
    };
    await readOnly('on');
    const told = 'the database takes no changes: it may be a standby';
    await expect
      .poll(() => plane.rest('GET', '/readyz'))
      .toMatchObject({ status: 503, body: { detail: expect.stringContaining(told) } });
    expect(await change()).toMatchObject({ status: 503, body: { detail: expect.stringContaining(told) } });
    const { grpcAddress, caPem } = plane.running;
    const proxy = new RawProxy(grpcAddress, caPem);
    const refused = await proxy.attest(await (await cluster).token('prod', 'billing')).catch((error: unknown) => error);
    expect(reasonOf(refused)).toBe('not-ready');
    proxy.close();
    await readOnly('off');
    await expect.poll(async () => (await plane.rest('GET', '/readyz')).status).toBe(200);
    expect((await change()).status).toBe(200);
  });
});
