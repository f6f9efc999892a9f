import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Backoff } from '../../../../policy-client/backoff.ts';
import { Leftovers } from '../../../../policy-client/records/leftovers.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { FREED_AT_MS, Spool } from '../../../../policy-client/records/spool.ts';
import { decisionRecord } from '../../../support/policy-client/policy-client.ts';
import { reportStreams, sessionNamed } from '../../../support/policy-client/reporting.ts';

const OWN = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const TIMEOUT_MS = 1_000;

let spoolDir: string;
beforeEach(() => {
  spoolDir = mkdtempSync(join(tmpdir(), 'sidekey-leftovers-'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(spoolDir, { recursive: true, force: true });
});

/** What a process left that had sent `delivered` of its records. */
function leave(paths: readonly string[], delivered = 0): void {
  const spool = new Spool(join(spoolDir, OTHER), 1e6);
  const queue = new RecordQueue({ instanceId: OTHER, maxMemoryBytes: 1e6, spool, nowMs: () => 0 });
  for (const path of paths) queue.push(decisionRecord({ path }));
  queue.flush();
  queue.next();
  queue.acknowledge(delivered);
  queue.spill();
  queue.close();
}

async function world(instanceId = OWN) {
  const { connection, streams } = await reportStreams();
  const lines: string[] = [];
  const log = (fields: Record<string, unknown>, text: string) =>
    lines.push(`${text} ${JSON.stringify({ ...fields, instance: undefined, error: undefined })}`);
  const attested: string[] = [];
  const leftovers = new Leftovers({
    spoolDir,
    instanceId,
    leftoverAgeMs: 60_000,
    timeoutMs: TIMEOUT_MS,
    connection,
    proofs: new ProofMaker(),
    newBackoff: () => new Backoff(1, 1),
    attestAs: async (id) => {
      attested.push(id);
      return sessionNamed(id);
    },
    nowMs: () => 0,
    monotonicMs: () => 0,
    log: { info: log, warn: log, error: () => {} },
  });
  let isOver = false;
  return {
    attested,
    leftovers,
    lines,
    streams,
    /** Looks, and waits for the stream that this opens, where it is told what is stored. */
    look: async (holds = 0) => {
      void leftovers.look().then(() => (isOver = true));
      await expect.poll(() => streams.length).toBe(1);
      const stream = streams[0] ?? expect.unreachable();
      expect(stream.messages).toEqual([[]]);
      stream.holds(holds);
      return stream;
    },
    isOver: () => isOver,
  };
}

const claimed = (): string => join(spoolDir, `${OTHER}.${OWN}`);

it('delivers what was left under the name of who left it, and removes its folder', async () => {
  leave(['/a', '/b', '/c'], 1);
  const { attested, isOver, leftovers, lines, look } = await world();
  const stream = await look(1);
  expect([attested, stream.messages]).toEqual([[OTHER], [[], ['/b', '/c']]]);
  stream.acknowledge(3);
  await expect.poll(isOver).toBe(true);
  expect([leftovers.delivered, stream.isOver, readdirSync(spoolDir)]).toEqual([2, true, []]);
  expect(lines).toEqual(['leftover records were delivered {"records":2,"left":0}']);
});

it('goes on for as long as some arrive, showing that it lives, and leaves the rest to others', async () => {
  leave(['/a', '/b', '/c']);
  const { isOver, leftovers, lines, look } = await world();
  const stream = await look();
  for (const acked of [1, 2]) {
    stream.acknowledge(acked);
    utimesSync(claimed(), FREED_AT_MS, FREED_AT_MS);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect([isOver(), statSync(claimed()).mtimeMs > FREED_AT_MS]).toEqual([false, true]);
  }
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
  await expect.poll(isOver).toBe(true);
  expect([leftovers.delivered, stream.isOver, statSync(claimed()).mtimeMs]).toEqual([2, true, FREED_AT_MS]);
  expect(lines.at(-1)).toBe('leftover records were delivered {"records":2,"left":1}');
});

it('leaves all to others at once when it is closed', async () => {
  leave(['/a', '/b']);
  const { isOver, leftovers, look } = await world();
  const stream = await look();
  leftovers.close();
  expect(statSync(claimed()).mtimeMs).toBe(FREED_AT_MS);
  await expect.poll(isOver).toBe(true);
  expect([leftovers.delivered, stream.isOver, statSync(claimed()).mtimeMs]).toEqual([0, true, FREED_AT_MS]);
  const next = await world();
  (await next.look()).acknowledge(2);
  await expect.poll(next.isOver).toBe(true);
  expect([next.leftovers.delivered, readdirSync(spoolDir)]).toEqual([2, []]);
});

it.each([
  [2, [[], ['/c']]],
  [3, [[]]],
  [9, [[]]],
])('goes on after %i records when so many arrived, whatever the dead process knew', async (holds, messages) => {
  leave(['/a', '/b', '/c'], 1);
  const { isOver, leftovers, lines, look } = await world();
  const stream = await look(holds);
  expect(stream.messages).toEqual(messages);
  stream.acknowledge(3);
  await expect.poll(isOver).toBe(true);
  expect([leftovers.delivered, leftovers.gaps, readdirSync(spoolDir)]).toEqual([2, 0, []]);
  expect(lines).toEqual(['leftover records were delivered {"records":2,"left":0}']);
});

it('asks again what is stored when the stream ends before the answer', async () => {
  leave(['/a', '/b']);
  const { leftovers, streams } = await world();
  void leftovers.look();
  await expect.poll(() => streams.length).toBe(1);
  streams[0]?.fail(14);
  await vi.advanceTimersByTimeAsync(10);
  expect(streams[1]?.messages).toEqual([[]]);
  streams[1]?.holds(1);
  expect(streams[1]?.messages).toEqual([[], ['/b']]);
  streams[1]?.acknowledge(2);
  await expect.poll(() => leftovers.delivered).toBe(2);
});

it('counts a gap where the control plane has lost what came before', async () => {
  leave(['/a', '/b', '/c'], 2);
  const { isOver, leftovers, look, streams } = await world();
  await look(1);
  await vi.advanceTimersByTimeAsync(10);
  expect([streams.length, streams[1]?.messages, streams[1]?.gaps]).toEqual([2, [['/c']], [1]]);
  streams[1]?.acknowledge(3);
  await expect.poll(isOver).toBe(true);
  expect([leftovers.delivered, leftovers.gaps]).toEqual([1, 1]);
});

it('of two that look at once, one claims', async () => {
  leave(['/a']);
  const both = [await world(), await world('33333333-3333-4333-8333-333333333333')];
  const looks = both.map(({ leftovers }) => leftovers.look());
  const streams = (): number => both.reduce((sum, { streams: { length } }) => sum + length, 0);
  await expect.poll(streams).toBe(1);
  for (const { streams: opened } of both) opened[0]?.holds(0);
  for (const { streams: opened } of both) opened[0]?.acknowledge(1);
  await Promise.all(looks);
  expect(both.reduce((sum, { leftovers }) => sum + leftovers.delivered, 0)).toBe(1);
  expect(both.flatMap(({ lines }) => lines).filter((line) => line.includes('could not'))).toEqual([]);
  expect([streams(), readdirSync(spoolDir)]).toEqual([1, []]);
});
