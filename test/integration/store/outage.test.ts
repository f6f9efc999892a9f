import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { billingResources, TestCluster, TestControlPlane } from '../../support/control-plane/control-plane.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';
import { RawProxy, reasonOf } from '../../support/agents/raw-proxy.ts';

describe.skipIf(!hasPostgres)('a database that is gone', () => {
  let server: TestPostgres;
  let url: string;
  let plane: TestControlPlane;
  let proxy: RawProxy;
  const cluster = new TestCluster();

  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    plane = await TestControlPlane.start({ databaseUrl: url });
    await plane.rest('POST', '/v1/apply', { resources: billingResources(await cluster) });
    proxy = new RawProxy(plane.running.grpcAddress, plane.running.caPem);
    await server.stop();
  }, 60_000);
  afterAll(async () => {
    proxy.close();
    await plane.close();
  });

  it('is told to administrators as what it is', async () => {
    expect(await plane.rest('GET', '/v1/resources')).toMatchObject({
      status: 503,
      body: { code: 'store-unavailable' },
    });
    expect(await plane.rest('POST', '/v1/revocations', { target: 'workload', name: 'billing' })).toMatchObject({
      status: 503,
      body: { code: 'store-unavailable' },
    });
    expect(await plane.rest('GET', '/readyz')).toMatchObject({ status: 503, body: { code: 'not-ready' } });
    expect(await plane.rest('GET', '/healthz')).toMatchObject({ status: 200 });
  });

  it('is told to proxies as something that passes', async () => {
    const refused = await proxy.attest(await (await cluster).token('prod', 'billing')).catch((error: unknown) => error);
    expect(reasonOf(refused)).toBe('not-ready');
  });

  it('is named at the start', async () => {
    await expect(openStore({ url })).rejects.toMatchObject({
      code: 'store-failed',
      message: 'cannot open the database',
      cause: { code: 'ECONNREFUSED' },
    });
  });
});
