import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPolicyClient, type PolicyClient } from '../../../policy-client/index.ts';
import { type BreakableRelay, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import {
  billingResources,
  resource,
  TestCluster,
  TestControlPlane,
} from '../../support/control-plane/control-plane.ts';
import { leftIn } from '../../support/folder.ts';
import { decisionRecord } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

let cluster: TestCluster;
let plane: TestControlPlane;
let relay: BreakableRelay;
let spoolDir: string;
const clients: PolicyClient[] = [];

beforeEach(async () => {
  cluster = new TestCluster();
  plane = await TestControlPlane.start();
  await plane.rest('POST', '/v1/apply', { resources: [resource('Tenant', 'acme', {}), ...billingResources(cluster)] });
  expect(await plane.applyTo('acme', billingResources(cluster))).toBe(200);
  relay = await startBreakableRelay(Number(plane.running.grpcAddress.split(':')[1]));
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
}, 180_000);
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close(1_000);
  await relay.close();
  await plane.close();
  rmSync(spoolDir, { recursive: true, force: true });
});

async function startClient(tenant: string): Promise<PolicyClient> {
  const client = createPolicyClient({
    address: `127.0.0.1:${relay.port}`,
    serverName: 'localhost',
    caPem: plane.running.caPem,
    tenant,
    spoolDir,
    limits: { leftoverAgeMs: 200, spoolAfterMs: 50, minBackoffMs: 10, maxBackoffMs: 100 },
    evidence: async () => [await cluster.billingEvidence()],
  });
  clients.push(client);
  await client.start();
  await client.ready;
  return client;
}

it('what a proxy of one tenant left is not told to another tenant', { timeout: 120_000 }, async () => {
  const ended = await startClient('acme');
  relay.strike('stalls');
  ended.record(decisionRecord({ path: '/of-acme' }));
  await ended.close(0);
  await startClient('default');
  await setTimeout(2_000);
  const log = await plane.rest('GET', '/v1/decisions?limit=100');
  expect(JSON.stringify(log.body)).not.toContain('/of-acme');
  const next = await startClient('acme');
  await until('it is delivered', () => next.stats().leftoversDelivered === 1);
  await until('nothing is left', () => leftIn(join(spoolDir, `acme@127.0.0.1:${relay.port}`)).length === 0);
});
