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
  /** How many records of this proxy are missing before this one; not there when none are. */
  readonly missingBefore?: number;
  readonly sessionId: string;
  readonly workloads: readonly string[];
  readonly user: string;
  readonly destination: { readonly scheme: string; readonly host: string; readonly port: number };
  readonly serverWorkload: string;
  readonly method: string;
  readonly path: string;
  /** What the call was within its protocol, such as `mcp:tools/call search`; empty when nothing was read. */
  readonly action: string;
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
  const year = record.at?.getUTCFullYear() ?? 0;
  // Neither RFC 3339 nor PostgreSQL writes other years as JavaScript does.
  if (record.id === '' || !(year >= 1 && year <= 9_999)) {
    throw new ChainError('record-malformed', 'a decision record has no id or no time');
  }
  return record;
}

/** The name of a wire outcome; anything unknown reads as failed. */
function outcomeName(outcome: Outcome): OutcomeName {
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
    action: record.action,
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

/** What is kept of a record beside its bytes, so that it can be searched; must say what the bytes say. */
export interface IndexedColumns {
  readonly decision_id: string;
  readonly at: Date | undefined;
  readonly session_id: string;
  readonly workloads: readonly string[];
  readonly user_subject: string;
  readonly host: string;
  readonly port: number;
  readonly server_workload: string;
  readonly access_policy: string;
  readonly method: string;
  readonly path: string;
  readonly outcome: string;
  readonly reason: string;
  readonly status: number;
}

/** An index takes no long texts. */
const MAX_ID_LENGTH = 256;

/** The columns that belong to a record, as far as they go: a proxy may have written anything into it. */
export function indexedColumns(record: DecisionRecord): IndexedColumns {
  return {
    decision_id: storable(record.id).slice(0, MAX_ID_LENGTH),
    at: record.at,
    session_id: storable(record.sessionId),
    workloads: record.workloads.map(storable),
    user_subject: storable(record.user),
    host: storable(record.destination?.host ?? ''),
    port: Math.min(record.destination?.port ?? 0, 65_535),
    server_workload: storable(record.serverWorkload),
    access_policy: storable(record.accessPolicy),
    method: storable(record.method),
    path: storable(record.path),
    outcome: outcomeName(record.outcome),
    reason: reasonFromNumber(record.reason),
    status: Math.min(record.status, 999),
  };
}

/** PostgreSQL text takes no NUL; the record's own bytes stay as they came. */
export function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
