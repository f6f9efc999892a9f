import { expect } from 'vitest';
import { genesisHash, nextHash } from '../../../common/decision-chain.ts';
import { LOST_RECORDS_METHOD } from '../../../policy-client/records/loss-record.ts';
import { RecordQueue } from '../../../policy-client/records/record-queue.ts';
import type { Spool } from '../../../policy-client/records/spool.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../proto/gen/sidekey/v1/proxy.ts';

export const record = (id: string, changes: Partial<DecisionRecord> = {}) =>
  DecisionRecord.fromPartial({ id, at: new Date(0), ...changes });

export function queueOf(maxMemoryBytes: number, spool?: Spool): RecordQueue {
  return new RecordQueue({ instanceId: 'i', maxMemoryBytes, spool, nowMs: () => 1_000 });
}

/** Takes what there is to send, checks that the chain has no gap, and returns the ids (`lost 3` for lost ones). */
export function drain(queue: RecordQueue, chain = { sequence: 0, head: genesisHash('i') }): string[] {
  const ids: string[] = [];
  for (let batch = queue.next(); batch !== undefined; batch = queue.next()) {
    for (const link of ReportDecisionsRequest.decode(batch.bytes).records) {
      chain.sequence += 1;
      expect(link.sequence).toBe(chain.sequence);
      expect(link.previousHash.equals(chain.head)).toBe(true);
      chain.head = nextHash(link.previousHash, link.record);
      expect(link.hash.equals(chain.head)).toBe(true);
      const { id, method, path, instanceId } = DecisionRecord.decode(link.record);
      expect(instanceId).toBe('i');
      ids.push(method === LOST_RECORDS_METHOD ? `lost ${path.slice(1)}` : id);
    }
  }
  return ids;
}

export const names = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `r${from + index}`);
