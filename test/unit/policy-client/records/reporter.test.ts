import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Backoff } from '../../../../policy-client/backoff.ts';
import { Connection } from '../../../../policy-client/connection.ts';
import { ProofMaker } from '../../../../policy-client/attest/proof.ts';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { Reporter } from '../../../../policy-client/records/reporter.ts';
import type { Session } from '../../../../policy-client/attest/session.ts';
import { Secret } from '../../../../common/secret.ts';
import { decisionRecord } from '../../../support/policy-client/policy-client.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function offline(spoolAfterMs = 1_000) {
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 1e9, spool: undefined, nowMs: () => 0 });
  const flush = vi.spyOn(queue, 'flush');
  const connection = new Connection({ address: '127.0.0.1:1' });
  await connection.load();
  const attempts = vi.spyOn(connection.client, 'makeBidiStreamRequest');
  const warn = vi.fn();
  const reporter = new Reporter({
    queue,
    connection,
    proofs: new ProofMaker(),
    backoff: new Backoff(1, 1),
    nowMs: () => Date.now(),
    monotonicMs: () => Date.now(),
    flushMs: 20,
    spoolAfterMs,
    log: { info: () => {}, warn, error: () => {} },
    onSessionRefused: () => {},
  });
  return { reporter, warn, attempts: () => attempts.mock.calls.length, flushes: () => flush.mock.calls.length };
}

it('while nothing can leave, chains in large batches, and makes no timer for each record', async () => {
  const { reporter, flushes } = await offline();
  const made = vi.spyOn(globalThis, 'setTimeout');
  for (let ms = 0; ms < 4_000; ms += 1) {
    reporter.record(decisionRecord());
    vi.advanceTimersByTime(1);
  }
  expect(flushes()).toBeGreaterThan(2);
  expect(flushes()).toBeLessThan(20);
  expect(made.mock.calls.length).toBeLessThan(20);
});

it('tells of an outage once, however often it tries', async () => {
  vi.useRealTimers();
  // Longer than five attempts take on the busiest machine: it would tell of what has no disk to wait on.
  const { reporter, attempts, warn } = await offline(600_000);
  reporter.setSession({ state: { id: 's' }, token: new Secret('t') } as unknown as Session);
  reporter.record(decisionRecord());
  await vi.waitFor(() => expect(attempts()).toBeGreaterThan(4), 20_000);
  expect(warn.mock.calls).toEqual([
    [expect.objectContaining({ reason: 'control-plane-unavailable' }), 'the decision stream ended'],
  ]);
  await reporter.close(0);
});
