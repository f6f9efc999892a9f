import { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import { type Reason, reasonFromNumber } from '../../proto/reasons.ts';
import { ChainError } from './chain.ts';

export const OUTCOMES = ['allowed', 'denied', 'failed'] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

/** A stored decision as people and tools read it. */
export interface DecisionEntry {
  /** Rises with every stored decision of the tenant; `after` in queries. */
  readonly position: number;
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly instanceId: string;
  readonly sequence: number;
  readonly sessionId: string;
  readonly workloads: readonly string[];
  readonly user: string;
  readonly destination: { readonly scheme: string; readonly host: string; readonly port: number };
  readonly serverWorkload: string;
  readonly method: string;
  readonly path: string;
  readonly outcome: OutcomeName;
  readonly reason: Reason;
  readonly accessPolicy: string;
  readonly credentialProvider: string;
  readonly grantId: string;
  readonly fromCache: boolean;
  readonly status: number;
  readonly upstreamAddress: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly durationUs: number;
  readonly removedCredentials: readonly string[];
  readonly scrubbed: number;
}

/** Reads a record's bytes. Throws ChainError `record-malformed`. */
export function decodeRecord(bytes: Uint8Array): DecisionRecord {
  let record: DecisionRecord;
  try {
    record = DecisionRecord.decode(bytes);
  } catch (error) {
    throw new ChainError('record-malformed', 'a decision record cannot be read', { cause: error });
  }
  if (record.id === '' || record.at === undefined || Number.isNaN(record.at.getTime())) {
    throw new ChainError('record-malformed', 'a decision record has no id or no time');
  }
  return record;
}

/** The name of a wire outcome; anything unknown reads as failed. */
export function outcomeName(outcome: Outcome): OutcomeName {
  if (outcome === Outcome.OUTCOME_ALLOWED) return 'allowed';
  return outcome === Outcome.OUTCOME_DENIED ? 'denied' : 'failed';
}

/** A stored record as an entry. */
export function entryOf(position: number, instanceId: string, sequence: number, bytes: Uint8Array): DecisionEntry {
  const record = decodeRecord(bytes);
  const { scheme = '', host = '', port = 0 } = record.destination ?? {};
  return {
    position,
    id: record.id,
    at: (record.at ?? new Date(0)).toISOString(),
    instanceId,
    sequence,
    sessionId: record.sessionId,
    workloads: record.workloads,
    user: record.user,
    destination: { scheme, host, port },
    serverWorkload: record.serverWorkload,
    method: record.method,
    path: record.path,
    outcome: outcomeName(record.outcome),
    reason: reasonFromNumber(record.reason),
    accessPolicy: record.accessPolicy,
    credentialProvider: record.credentialProvider,
    grantId: record.grantId,
    fromCache: record.fromCache,
    status: record.status,
    upstreamAddress: record.upstreamAddress,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    durationUs: record.durationUs,
    removedCredentials: record.removedCredentials,
    scrubbed: record.scrubbed,
  };
}
