import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyClient } from '../../../policy-client/index.ts';
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

const LONG = `/${'x'.repeat(400_000)}`;

function log() {
  const errors: unknown[] = [];
  return {
    errors,
    info: () => {},
    warn: () => {},
    error: (fields: unknown, text: string) => errors.push([fields, text]),
  };
}

async function deliver(client: PolicyClient, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    client.record(decisionRecord({ path }));
    await until('it was delivered', () => client.stats().recordsQueued === 0, 20_000);
  }
}

const sequences = () => links.plane.records.map(({ sequence }) => sequence);

describe('records that the control plane had acknowledged and has lost', () => {
  it('go again, those that are still here, behind a gap for the others', async () => {
    const lines = log();
    const client = await links.readyClient({ log: lines });
    await deliver(client, '/1', '/2', LONG, LONG, LONG, LONG);
    links.plane.records.length = 0;
    const held = { sequence: 2, hash: Buffer.alloc(32, 7) };
    links.plane.holdsOnly = held;
    await deliver(client, '/7');
    expect(sequences()).toEqual([5, 6, 7]);
    expect(links.plane.knownGaps[0]).toEqual(held);
    expect(client.stats()).toMatchObject({ recordGaps: 1, recordRefusals: 0, recordsLost: 0, recordsDelivered: 7 });
    const fields = { held: 2, acknowledged: 6, missing: 2 };
    expect(lines.errors).toEqual([[fields, 'the control plane has lost decision records']]);
    links.plane.holdsOnly = undefined;
    links.plane.knownGaps.length = 0;
    await deliver(client, '/8');
    expect([sequences(), links.plane.knownGaps]).toEqual([[5, 6, 7, 8], []]);
  });

  it('are told again when the answer is lost', async () => {
    const client = await links.readyClient();
    await deliver(client, '/1', LONG, LONG, LONG, LONG);
    links.plane.records.length = 0;
    links.plane.holdsOnly = { sequence: 0, hash: Buffer.alloc(32) };
    links.plane.acknowledge = false;
    client.record(decisionRecord({ path: '/6' }));
    await until('the gap was told', () => sequences().includes(6));
    links.plane.stop();
    links.plane.acknowledge = true;
    links.plane.knownGaps.length = 0;
    await links.plane.start();
    await until('all were acknowledged', () => client.stats().recordsQueued === 0, 20_000);
    expect(links.plane.knownGaps.length).toBeGreaterThan(0);
    expect(client.stats()).toMatchObject({ recordGaps: 1, recordsLost: 0 });
  });

  it('are a gap before what a process left behind', async () => {
    const ended = await links.readyClient({ spoolDir });
    await deliver(ended, '/1', '/2', '/3');
    await links.goAway(ended);
    ended.record(decisionRecord({ path: '/4' }));
    await ended.close(0);
    links.plane.records.length = 0;
    links.plane.holdsOnly = { sequence: 1, hash: Buffer.alloc(32) };
    await links.plane.start();
    const next = await links.readyClient({ spoolDir });
    await until('the leftovers', () => next.stats().leftoversDelivered === 1, 20_000);
    expect(next.stats()).toMatchObject({ recordGaps: 1 });
    expect(sequences()).toEqual([4]);
    await until('nothing is left', () => leftIn(spoolOf()).length === 0);
  });

  it('are refused like any others when the control plane has no less than it acknowledged', async () => {
    const client = await links.readyClient();
    await deliver(client, '/1', '/2');
    links.plane.holdsOnly = { sequence: 2, hash: Buffer.alloc(32) };
    client.record(decisionRecord({ path: '/3' }));
    await until('two refusals', () => client.stats().recordRefusals > 1);
    expect([links.plane.knownGaps, client.stats().recordGaps]).toEqual([[], 0]);
  });
});
