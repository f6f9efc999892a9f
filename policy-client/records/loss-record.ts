import { randomUUID } from 'node:crypto';
import { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { ReasonCode } from '../../proto/gen/sidekey/v1/reason.ts';
import { REASONS } from '../../proto/reasons.ts';

/** Method of the record that stands for lost ones; its path is `/<how many>`. */
export const LOST_RECORDS_METHOD = 'SIDEKEY-RECORDS-LOST';

/** The record that stands in the chain for `count` which were lost here. */
export function lossRecord(instanceId: string, count: number, nowMs: number): DecisionRecord {
  return DecisionRecord.fromPartial({
    id: randomUUID(),
    at: new Date(nowMs),
    instanceId,
    method: LOST_RECORDS_METHOD,
    path: `/${count}`,
    outcome: Outcome.OUTCOME_FAILED,
    reason: REASONS.overloaded.number as ReasonCode,
  });
}
