import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPolicyClient, type PolicyClient } from '../../policy-client/index.ts';
import { billingResources, resource, TestCluster, TestControlPlane } from '../support/control-plane/control-plane.ts';
import { longServers } from '../support/control-plane/long-policy.ts';

/** So many servers are no more than the proxies of a workload take, and a few more are. */
const MANY = 185;
let cluster: TestCluster;
let plane: TestControlPlane;
const clients: PolicyClient[] = [];

beforeEach(async () => {
  cluster = new TestCluster();
  plane = await TestControlPlane.start();
  await apply([resource('Tenant', 'default', { maxResources: 10_000 }), ...billingResources(cluster)]);
}, 180_000);

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close(0);
  await plane.close();
});

const apply = (resources: unknown[]) => plane.rest('POST', '/v1/apply', { resources });

async function startClient(): Promise<{ client: PolicyClient; ends: unknown[] }> {
  const ends: unknown[] = [];
  const note = (fields: object, message: string) => void (message === 'the watch ended' && ends.push(fields));
  const silent = () => undefined;
  const client = createPolicyClient({
    address: plane.running.grpcAddress,
    caPem: plane.running.caPem,
    tenant: 'default',
    wantCertificateAuthority: true,
    evidence: async () => [await cluster.billingEvidence()],
    log: { info: silent, warn: note, error: silent },
  });
  clients.push(client);
  await client.start();
  return { client, ends };
}

it('takes no policy that no proxy could follow, and says what is too long', { timeout: 120_000 }, async () => {
  expect(await apply(longServers(0, 100, 'billing'))).toMatchObject({ status: 200 });
  const { status, body } = await apply(longServers(100, 200, 'billing'));
  expect(status).toBe(422);
  expect(body).toMatchObject({
    code: 'too-many-resources',
    detail: expect.stringMatching(
      /^proxies of ClientWorkload "billing" would be sent 12[6-9]\d{5} bytes of routes, and take 12582912; the longest, with 6\d{4}, is to ServerWorkload "billing-\d+"/,
    ),
  });
  expect(await apply(longServers(100, MANY, 'billing'))).toMatchObject({ status: 200 });
  const { client } = await startClient();
  await client.ready;
  expect(client.routes()).toHaveLength(MANY + 1);
});

it('says to a proxy of several workloads that it takes no routes of all of them', { timeout: 120_000 }, async () => {
  const selectors = { all: [{ claim: 'kubernetes.serviceAccount', equals: 'billing' }] };
  await apply([resource('ClientWorkload', 'other', { selectors })]);
  for (const workload of ['billing', 'other']) {
    for (const [from, to] of [
      [0, 100],
      [100, MANY],
    ] as const) {
      expect(await apply(longServers(from, to, workload))).toMatchObject({ status: 200 });
    }
  }
  const { ends } = await startClient();
  await expect
    .poll(() => ends, { timeout: 30_000 })
    .toMatchObject([
      {
        reason: 'overloaded',
        error: expect.stringMatching(/the routes of billing, other are \d+ bytes together, and a proxy takes 16777216/),
      },
    ]);
});
