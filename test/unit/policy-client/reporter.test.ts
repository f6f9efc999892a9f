import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Backoff } from '../../../policy-client/backoff.ts';
import { Connection } from '../../../policy-client/connection.ts';
import { ProofMaker } from '../../../policy-client/proof.ts';
import { RecordQueue } from '../../../policy-client/record-queue.ts';
import { Reporter } from '../../../policy-client/reporter.ts';
import { decisionRecord } from '../../support/policy-client.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function offline(): { reporter: Reporter; flushes: () => number } {
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 1e9, spool: undefined, nowMs: () => 0 });
  const flush = vi.spyOn(queue, 'flush');
  const reporter = new Reporter({
    queue,
    connection: new Connection({ address: '127.0.0.1:1' }),
    proofs: new ProofMaker(),
    backoff: new Backoff(1, 1),
    nowMs: () => Date.now(),
    monotonicMs: () => Date.now(),
    flushMs: 20,
    spoolAfterMs: 1_000,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onSessionRefused: () => {},
  });
  return { reporter, flushes: () => flush.mock.calls.length };
}

it('while nothing can leave, chains in large batches, and makes no timer for each record', () => {
  const { reporter, flushes } = offline();
  const made = vi.spyOn(globalThis, 'setTimeout');
  for (let ms = 0; ms < 4_000; ms += 1) {
    reporter.record(decisionRecord());
    vi.advanceTimersByTime(1);
  }
  expect(flushes()).toBeGreaterThan(2);
  expect(flushes()).toBeLessThan(20);
  expect(made.mock.calls.length).toBeLessThan(20);
});
