import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPolicyClient, type PolicyClient } from '../../../policy-client/index.ts';
import { type BreakableRelay, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import { billingResources, TestCluster, TestControlPlane } from '../../support/control-plane/control-plane.ts';
import { decisionRecord } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

/** One that lives touches its folder every ten seconds: after this time it looks as if it stood still. */
const LEFTOVER_AGE_MS = 200;
let cluster: TestCluster;
let plane: TestControlPlane;
let relay: BreakableRelay;
let spoolDir: string;
const clients: PolicyClient[] = [];

beforeEach(async () => {
  cluster = new TestCluster();
  plane = await TestControlPlane.start();
  await plane.rest('POST', '/v1/apply', { resources: billingResources(cluster) });
  relay = await startBreakableRelay(Number(plane.running.grpcAddress.split(':')[1]));
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
}, 180_000);
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close(1_000);
  await relay.close();
  await plane.close();
  expect(readdirSync(join(spoolDir, `default@127.0.0.1:${relay.port}`))).toEqual([]);
  rmSync(spoolDir, { recursive: true, force: true });
});

async function startClient(): Promise<PolicyClient> {
  const client = createPolicyClient({
    address: `127.0.0.1:${relay.port}`,
    serverName: 'localhost',
    caPem: plane.running.caPem,
    tenant: 'default',
    spoolDir,
    limits: {
      leftoverAgeMs: LEFTOVER_AGE_MS,
      maxRecordMemoryBytes: 1_000,
      spoolAfterMs: 50,
      minBackoffMs: 10,
      maxBackoffMs: 100,
    },
    evidence: async () => [await cluster.billingEvidence()],
  });
  clients.push(client);
  await client.start();
  await client.ready;
  return client;
}

it('nobody delivers the records of one that lives but shows no life', { timeout: 120_000 }, async () => {
  const still = await startClient();
  const record = (from: number, to: number): void => {
    for (let n = from; n < to; n += 1) still.record(decisionRecord({ id: `r${n}`, path: `/${n}` }));
  };
  record(0, 5);
  await until('they are delivered', () => still.stats().recordsQueued === 0);
  // It hears nothing from now on, and tries anew when it has missed a heartbeat or two.
  relay.strike('stalls');
  record(5, 60);
  await until('they are on disk', () => still.stats().spoolBytes > 0);
  const other = await startClient();
  // It looks several times.
  await setTimeout(10 * LEFTOVER_AGE_MS);
  expect(still.stats().recordsDelivered).toBe(5);
  record(60, 65);
  await until('all are delivered', () => still.stats().recordsDelivered === 65, 30_000);
  expect(still.stats()).toMatchObject({ recordsLost: 0, recordRefusals: 0, recordsQueued: 0 });
  expect(other.stats().leftoversDelivered).toBe(0);
});
