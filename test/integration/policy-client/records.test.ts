import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { genesisHash, nextHash } from '../../../common/decision-chain.ts';
import type { PolicyClient } from '../../../policy-client/index.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { decisionRecord } from '../../support/policy-client/policy-client.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { leftIn } from '../../support/folder.ts';
import { until } from '../../support/until.ts';

const links = useLinkedClients();
let spoolDir: string;

/** Where its clients' records are. */
const spoolOf = () => join(spoolDir, `${links.plane.tenant}@${links.plane.address}`);
beforeEach(() => {
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
});
afterEach(() => rmSync(spoolDir, { recursive: true, force: true }));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('decision records', () => {
  /** Paths in order, after the chain was proved from its start; repeated deliveries are left out. */
  function provenPaths(client: PolicyClient): string[] {
    let head = genesisHash(client.instanceId);
    let sequence = 0;
    const paths: string[] = [];
    for (const chained of links.plane.records) {
      if (chained.sequence <= sequence) continue;
      sequence += 1;
      expect(chained.sequence).toBe(sequence);
      expect(chained.previousHash).toEqual(head);
      head = nextHash(head, chained.record);
      expect(chained.hash).toEqual(head);
      const record = DecisionRecord.decode(chained.record);
      expect(record.instanceId).toBe(client.instanceId);
      paths.push(record.path);
    }
    return paths;
  }

  const pathsTo = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`);

  function recordAll(client: PolicyClient, paths: readonly string[]): void {
    for (const path of paths) client.record(decisionRecord({ path }));
  }

  it('arrive in order, chained', async () => {
    const client = await links.readyClient();
    recordAll(client, pathsTo(5_000));
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    expect(provenPaths(client)).toEqual(pathsTo(5_000));
    expect(client.stats()).toMatchObject({ recordsDelivered: 5_000, recordsLost: 0, recordMemoryBytes: 0 });
  }, 120_000);

  it('leave at once while earlier ones are not acknowledged', async () => {
    links.plane.acknowledge = false;
    const client = await links.readyClient({ limits: { spoolAfterMs: 60_000 } });
    recordAll(client, ['/a']);
    await until('the first arrived', () => links.plane.records.length === 1);
    recordAll(client, ['/b']);
    await until('the second arrived', () => links.plane.records.length === 2);
    expect(provenPaths(client)).toEqual(['/a', '/b']);
  });

  it('leave in batches, and make no timer for each', async () => {
    const client = await links.readyClient({ limits: { recordFlushMs: 50 } });
    const timers = vi.spyOn(globalThis, 'setTimeout');
    for (const path of pathsTo(4_000)) {
      recordAll(client, [path]);
      await new Promise(setImmediate);
    }
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    expect(provenPaths(client)).toEqual(pathsTo(4_000));
    expect(links.plane.recordMessages).toBeLessThan(1_000);
    expect(timers.mock.calls.length).toBeLessThan(2_000);
    timers.mockRestore();
  }, 60_000);

  it('that do not continue what the control plane has show in a figure and as errors, and are offered again', async () => {
    const errors: string[] = [];
    const log = { info: () => {}, warn: () => {}, error: (_fields: unknown, text: string) => errors.push(text) };
    links.plane.refuseRecords = true;
    const client = await links.readyClient({ log });
    recordAll(client, ['/a']);
    await until('two refusals', () => client.stats().recordRefusals > 1);
    expect(new Set(errors)).toEqual(new Set(['the control plane refuses the decision records']));
    links.plane.refuseRecords = false;
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    expect(provenPaths(client)).toEqual(['/a']);
  });

  it('that the control plane could never take are lost alone', async () => {
    const client = await links.readyClient();
    recordAll(client, ['/a']);
    client.record(decisionRecord({ id: '' }));
    client.record({ ...decisionRecord(), at: undefined });
    client.record({ ...decisionRecord(), at: new Date(Number.NaN) });
    recordAll(client, ['/b']);
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    expect(client.stats().recordsLost).toBe(3);
    expect(provenPaths(client)).toEqual(['/3', '/a', '/b']);
  });

  it('wait in memory through an outage when there is no spool', async () => {
    const client = await links.readyClient();
    recordAll(client, ['/a']);
    await until('the first', () => links.plane.records.length === 1);
    await links.goAway(client);
    recordAll(client, ['/b', '/c']);
    await links.plane.start();
    await until('the rest', () => client.stats().recordsQueued === 0);
    expect(provenPaths(client)).toEqual(['/a', '/b', '/c']);
  });

  it('reach the control plane when a revocation shows only after an outage', async () => {
    const client = await links.readyClient({ limits: { recordFlushMs: 10 } });
    await links.goAway(client);
    recordAll(client, pathsTo(3));
    links.plane.refuseWatch = links.plane.refuseAttest = 'workload-revoked';
    await links.plane.start();
    await expect.poll(() => provenPaths(client), { timeout: 10_000 }).toEqual(pathsTo(3));
    await until('all is delivered', () => client.stats().recordsQueued === 0);
  });

  it('are sent again when they were not acknowledged', async () => {
    links.plane.acknowledge = false;
    const client = await links.readyClient();
    recordAll(client, ['/a', '/b']);
    await until('they arrived', () => links.plane.records.length === 2);
    links.plane.stop();
    links.plane.acknowledge = true;
    await links.plane.start();
    await until('they were acknowledged', () => client.stats().recordsQueued === 0);
    expect(provenPaths(client)).toEqual(['/a', '/b']);
    expect(links.plane.records.length).toBeGreaterThan(2);
  });

  it('go through the spool when memory is full, and the spool is empty afterwards', async () => {
    const client = await links.readyClient({ spoolDir, limits: { maxRecordMemoryBytes: 20_000, spoolAfterMs: 20 } });
    await links.goAway(client);
    recordAll(client, pathsTo(20_000));
    await until('the spool filled', () => client.stats().spoolBytes > 1_000_000);
    expect(client.stats().recordMemoryBytes).toBeLessThanOrEqual(20_000);
    await links.plane.start();
    recordAll(client, ['/last']);
    await until('all were acknowledged', () => client.stats().recordsQueued === 0, 10_000);
    expect(provenPaths(client)).toEqual([...pathsTo(20_000), '/last']);
    expect(client.stats()).toMatchObject({ spoolBytes: 0, recordsLost: 0 });
  }, 120_000);

  it('that found no room are counted, and the count stands in the chain', async () => {
    const limits = { maxRecordMemoryBytes: 5_000, maxSpoolBytes: 10_000, spoolAfterMs: 20 };
    const client = await links.readyClient({ spoolDir, limits });
    await links.goAway(client);
    for (let round = 0; round < 20; round += 1) {
      recordAll(client, pathsTo(20));
      await pause(8);
    }
    await until('some were lost', () => client.stats().recordsLost > 0);
    await links.plane.start();
    await until('the loss was told', () => links.plane.records.some(isLoss));
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    const { recordsLost } = client.stats();
    const told = links.plane.records
      .filter(isLoss)
      .map(({ record }) => Number(DecisionRecord.decode(record).path.slice(1)));
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(recordsLost);
    const paths = provenPaths(client);
    expect(paths.length - told.length + recordsLost).toBe(400);
  });

  it('are spooled on close when nobody takes them', async () => {
    const client = await links.readyClient({ spoolDir });
    await links.goAway(client);
    recordAll(client, ['/a']);
    await client.close(50);
    expect(readdirSync(join(spoolOf(), client.instanceId))).toHaveLength(1);
  });

  it('left by a process that ended are delivered in its own chain by the next, at once', async () => {
    const ended = await links.readyClient({ spoolDir });
    recordAll(ended, ['/a']);
    await until('the first was acknowledged', () => ended.stats().recordsDelivered === 1);
    await links.goAway(ended);
    recordAll(ended, ['/b', '/c']);
    await ended.close(0);
    await links.plane.start();
    const next = await links.readyClient({ spoolDir });
    await until('the leftovers', () => next.stats().leftoversDelivered === 2);
    expect(provenPaths(ended)).toEqual(['/a', '/b', '/c']);
    expect(links.plane.attests.at(-1)).toMatchObject({ instanceId: ended.instanceId, wantCertificateAuthority: false });
    expect(leftIn(spoolOf())).toEqual([]);
  });

  /** A client's records on disk, with the mark of life that a killed process leaves. */
  async function leaveBehind(paths: readonly string[]): Promise<PolicyClient> {
    const killed = await links.readyClient({ spoolDir });
    await links.goAway(killed);
    recordAll(killed, paths);
    await killed.close(0);
    utimesSync(join(spoolOf(), killed.instanceId), new Date(), new Date());
    await links.plane.start();
    return killed;
  }

  it('left by a process that was killed are delivered by the next once it seems dead', async () => {
    const killed = await leaveBehind(['/a', '/b']);
    const next = await links.readyClient({ spoolDir, limits: { leftoverAgeMs: 1_000 } });
    await until('the leftovers', () => next.stats().leftoversDelivered === 2, 20_000);
    expect(provenPaths(killed)).toEqual(['/a', '/b']);
    expect(leftIn(spoolOf())).toEqual([]);
  }, 30_000);

  it('left behind go on being delivered for as long as some arrive, and are looked for again when none do', async () => {
    const paths = pathsTo(3_000);
    const killed = await leaveBehind(paths);
    links.plane.acknowledgeAfterMs = 600;
    links.plane.acknowledge = false;
    const next = await links.readyClient({ spoolDir, limits: { leftoverAgeMs: 0, attestTimeoutMs: 1_000 } });
    await until(
      'they were tried',
      () => links.plane.attests.filter((a) => a.instanceId === killed.instanceId).length > 1,
      20_000,
    );
    links.plane.acknowledge = true;
    await until('the leftovers', () => next.stats().leftoversDelivered === 3_000, 20_000);
    expect(provenPaths(killed)).toEqual(paths);
    expect(leftIn(spoolOf())).toEqual([]);
  }, 60_000);

  it('of a process that lives are left alone', async () => {
    links.plane.acknowledge = false;
    const other = await links.readyClient({ spoolDir, limits: { spoolAfterMs: 20 } });
    recordAll(other, ['/a']);
    await until('it is on disk', () => other.stats().spoolBytes > 0);
    const next = await links.readyClient({ spoolDir });
    await pause(100);
    expect(next.stats().leftoversDelivered).toBe(0);
    expect(leftIn(spoolOf())).toEqual([other.instanceId]);
  });

  it('are delivered on close within its deadline', async () => {
    const client = await links.readyClient();
    recordAll(client, pathsTo(3_000));
    await client.close(5_000);
    expect(provenPaths(client)).toEqual(pathsTo(3_000));
  });
});

function isLoss({ record }: { readonly record: Uint8Array }): boolean {
  return DecisionRecord.decode(record).method === 'SIDEKEY-RECORDS-LOST';
}
