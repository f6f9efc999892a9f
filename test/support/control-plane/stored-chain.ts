import { expect } from 'vitest';
import { type ChainHead, emptyHead, extendChain } from '../../../control-plane/audit/chain.ts';
import { RecordQueue } from '../../../policy-client/records/record-queue.ts';
import type { Spool } from '../../../policy-client/records/spool.ts';
import { ChainedRecord, DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { decisionRecord } from '../policy-client/policy-client.ts';

const INSTANCE = '7b0c2a0e-6d0e-4c55-9a3a-0d6d8a5b6d11';
const PAD = 'x'.repeat(1_500);

/** What a control plane stores: it refuses every gap in a chain, and a record that it has changes nothing. */
export class Stored {
  #head: ChainHead = emptyHead(INSTANCE);
  readonly #hashes: Buffer[] = [];
  readonly numbers: number[] = [];
  told = 0;

  /** Takes at most `batches` batches of the queue, acknowledging each or not. */
  take(queue: RecordQueue, batches = Number.MAX_SAFE_INTEGER, acknowledges = true): void {
    queue.flush();
    queue.goOnAfter(this.#head);
    for (let taken = 0; taken < batches; taken += 1) {
      const batch = queue.next();
      if (batch === undefined) return;
      for (const { bytes } of batch.records()) {
        const chained = ChainedRecord.decode(bytes);
        if (chained.sequence <= this.#head.sequence) {
          expect(chained.hash).toEqual(this.#hashes[chained.sequence - 1]);
          continue;
        }
        this.#hashes.push(chained.hash);
        this.#head = extendChain(this.#head, chained);
        const { method, path } = DecisionRecord.decode(chained.record);
        if (method === 'SIDEKEY-RECORDS-LOST') this.told += Number(path.slice(1));
        else this.numbers.push(Number(path.split('/')[1]));
      }
      if (acknowledges) queue.acknowledge(this.#head.sequence);
    }
  }
}

export function queueOn(spool: Spool, maxMemoryBytes = 20_000): RecordQueue {
  return new RecordQueue({ instanceId: INSTANCE, maxMemoryBytes, spool, nowMs: () => 0 });
}

export function push(queue: RecordQueue, from: number, to: number): void {
  for (let number = from; number < to; number += 1) queue.push(decisionRecord({ path: `/${number}/${PAD}` }));
  queue.flush();
}

export function expectAccounted({ numbers, told }: Stored, known: number, atLeastTold = 1): void {
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(told).toBeGreaterThanOrEqual(atLeastTold);
  expect(numbers.length + told).toBe(known);
}
