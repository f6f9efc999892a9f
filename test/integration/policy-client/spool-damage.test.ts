import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyHead, extendChain } from '../../../control-plane/audit/chain.ts';
import type { PolicyClient } from '../../../policy-client/index.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { useLinkedClients } from '../../support/linked-clients.ts';
import { decisionRecord } from '../../support/policy-client.ts';
import { until } from '../../support/until.ts';

const RECORDS = 12_000;
const WAIT_MS = 60_000;

const linked = useLinkedClients();
let spoolDir: string;
beforeEach(() => {
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
});
afterEach(() => rmSync(spoolDir, { recursive: true, force: true }));

/** What a control plane stores of these records: it refuses every gap, and a second delivery changes nothing. */
function storedPaths(instanceId: string): { paths: string[]; told: number } {
  let head = emptyHead(instanceId);
  const paths: string[] = [];
  let told = 0;
  for (const chained of linked.plane.records) {
    if (chained.sequence <= head.sequence) continue;
    head = extendChain(head, chained);
    const { method, path } = DecisionRecord.decode(chained.record);
    if (method === 'SIDEKEY-RECORDS-LOST') told += Number(path.slice(1));
    else paths.push(path);
  }
  return { paths, told };
}

const numbers = (paths: readonly string[]): number[] => paths.map((path) => Number(path.slice(1)));

/** Files of records, in order; three at least. */
function segments(instanceId: string): string[] {
  const folder = join(spoolDir, instanceId);
  const names = readdirSync(folder).filter((name) => name.endsWith('.records'));
  expect(names.length).toBeGreaterThanOrEqual(3);
  return names.sort().map((name) => join(folder, name));
}

function flip(path: string, where: (length: number) => number): void {
  const bytes = readFileSync(path);
  const at = where(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
}

const DAMAGE: readonly (readonly [name: string, damage: (files: readonly string[]) => void])[] = [
  ['a bit flips in the middle of the first file', ([first = '']) => flip(first, (length) => length >> 1)],
  ['a bit flips at the very start', ([first = '']) => flip(first, () => 2)],
  ['a bit flips in the second file', ([, second = '']) => flip(second, (length) => length - 9)],
  ['a bit flips in two files', ([first = '', , third = '']) => [first, third].forEach((path) => flip(path, () => 300))],
  ['a file in the middle is cut short', ([, second = '']) => truncateSync(second, 1_000)],
  ['a file is emptied', ([, second = '']) => truncateSync(second, 0)],
  ['a file is gone', ([, second = '']) => rmSync(second)],
];

async function fillSpool(): Promise<PolicyClient> {
  const limits = { maxRecordMemoryBytes: 20_000, spoolAfterMs: 20 };
  const client = await linked.readyClient({ spoolDir, limits });
  client.record(decisionRecord({ path: '/0' }));
  await until('the first was acknowledged', () => client.stats().recordsDelivered === 1);
  linked.plane.stop();
  await until('the link dropped', () => !client.connected);
  for (let number = 1; number < RECORDS; number += 1) client.record(decisionRecord({ path: `/${number}` }));
  await until(
    'all are on disk',
    () => client.stats().recordsQueued === RECORDS - 1 && client.stats().spoolBytes > 2.2e6,
    WAIT_MS,
  );
  return client;
}

function expectAllAccounted(instanceId: string, known: number): void {
  const { paths, told } = storedPaths(instanceId);
  const found = numbers(paths);
  expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
  expect(told).toBeGreaterThan(0);
  expect(found.length + told).toBe(known);
}

describe('a spool that is damaged on disk', () => {
  it.each(DAMAGE)(
    '%s: the rest arrives once, in order, and the loss is in the chain',
    async (_name, damage) => {
      const client = await fillSpool();
      damage(segments(client.instanceId));
      await linked.plane.start();
      await until('the link is back', () => client.connected, WAIT_MS);
      client.record(decisionRecord({ path: `/${RECORDS}` }));
      await until('all were acknowledged', () => client.stats().recordsQueued === 0, WAIT_MS);
      expectAllAccounted(client.instanceId, RECORDS + 1);
      expect(client.stats().recordsLost).toBe(storedPaths(client.instanceId).told);
      expect(numbers(storedPaths(client.instanceId).paths).at(-1)).toBe(RECORDS);
      expect(client.stats().spoolBytes).toBe(0);
      client.record(decisionRecord({ path: '/99999' }));
      await until('the chain goes on', () => client.stats().recordsQueued === 0, WAIT_MS);
      expect(storedPaths(client.instanceId).paths.at(-1)).toBe('/99999');
    },
    120_000,
  );

  it('the next process delivers what a dead one left in it, and tells the loss', async () => {
    const dead = await fillSpool();
    await dead.close(0);
    flip(segments(dead.instanceId)[1] ?? '', () => 300);
    await linked.plane.start();
    const next = await linked.readyClient({ spoolDir, limits: { leftoverAgeMs: 0 } });
    await until('the leftovers', () => next.stats().leftoversDelivered > 0, WAIT_MS);
    expectAllAccounted(dead.instanceId, RECORDS);
  }, 120_000);
});
