import type { ChainedRecord, DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { CHANNELS, notifyFrom, type Sql, type SqlStore } from '../store/sql-store.ts';
import { ChainError, type ChainHead, emptyHead, extendChain, headAcrossGap, isSameHead } from './chain.ts';
import { decodeRecord, indexedColumns, storable } from './decision-entry.ts';

interface DecodedRecord {
  readonly chained: ChainedRecord;
  readonly record: DecisionRecord;
}

/**
 * Stores records of one proxy instance, in order, each exactly once: records that are stored already are compared and
 * passed over. All or nothing. Gives the last stored sequence. Throws ChainError.
 * @param missingAfter the proxy knows that the stored chain ends here, and has nothing between it and the first record: that
 * one is then taken behind a gap, which its sequence and its predecessor's hash show for ever
 */
export async function appendDecisions(
  store: SqlStore,
  tenant: string,
  instanceId: string,
  records: readonly ChainedRecord[],
  missingAfter?: ChainHead,
): Promise<number> {
  return store.transaction(tenant, async (tx) => {
    const before = await lockHead(tx, tenant, instanceId);
    const known = records.filter((record) => record.sequence <= before.sequence);
    if (known.length > 0) await compareStored(tx, instanceId, known);
    const fresh = records.filter((record) => record.sequence > before.sequence);
    const [first] = fresh;
    if (first === undefined) return before.sequence;
    const isKnown = missingAfter !== undefined && isSameHead(before, missingAfter);
    let head = (isKnown ? headAcrossGap(before, first) : undefined) ?? before;
    for (const record of fresh) head = extendChain(head, record);
    const decoded = fresh.map((chained) => ({ chained, record: decodeRecord(chained.record) }));
    await refuseForeign(
      tx,
      tenant,
      instanceId,
      decoded.map(({ record }) => record),
    );
    // Followers read on from the last position they saw, so positions must become visible in their order: one proxy's
    // records at a time, until this transaction ends.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`decisions ${tenant}`]);
    await insertRecords(tx, tenant, instanceId, decoded);
    await tx.query(
      'update decision_heads set sequence = $1, hash = $2, updated_at = now() where tenant = $3 and instance_id = $4',
      [head.sequence, head.hash, tenant, instanceId],
    );
    await notifyFrom(tx, CHANNELS.decision, tenant);
    return head.sequence;
  });
}

/** Where the stored chain ends. */
export async function readHead(store: SqlStore, tenant: string, instanceId: string): Promise<ChainHead> {
  const [head] = await store.transaction(tenant, (tx) =>
    tx.query<ChainHead>('select sequence, hash from decision_heads where tenant = $1 and instance_id = $2', [
      tenant,
      instanceId,
    ]),
  );
  return head ?? emptyHead(instanceId);
}

async function lockHead(tx: Sql, tenant: string, instanceId: string): Promise<ChainHead> {
  const empty = emptyHead(instanceId);
  await tx.query(
    `insert into decision_heads (tenant, instance_id, sequence, hash) values ($1, $2, 0, $3)
     on conflict (tenant, instance_id) do nothing`,
    [tenant, instanceId, empty.hash],
  );
  const [head] = await tx.query<ChainHead>(
    'select sequence, hash from decision_heads where tenant = $1 and instance_id = $2 for update',
    [tenant, instanceId],
  );
  return head ?? empty;
}

/** A record delivered again must be the one that is stored; anything else is an attempt to edit the past. */
async function compareStored(tx: Sql, instanceId: string, records: readonly ChainedRecord[]): Promise<void> {
  const rows = await tx.query<{ sequence: number; hash: Buffer }>(
    'select sequence, hash from decisions where instance_id = $1 and sequence = any($2::bigint[])',
    [instanceId, records.map((record) => record.sequence)],
  );
  const stored = new Map(rows.map((row) => [row.sequence, row.hash]));
  for (const record of records) {
    if (stored.get(record.sequence)?.equals(record.hash) !== true) {
      throw new ChainError('chain-conflict', `another record is stored as ${record.sequence}`);
    }
  }
}

interface SessionRow {
  readonly id: string;
  readonly instance_id: string;
  readonly workloads: readonly string[];
  readonly user_subject: string | null;
}

/**
 * A record speaks for its own proxy only: it names the chain's instance, and what it says about its session is what the
 * session says. Sessions that were pruned meanwhile, or lost with a store that was put back, cannot be asked, and records of
 * losses belong to none: their workloads and user are ones of the instance's other sessions.
 */
async function refuseForeign(
  tx: Sql,
  tenant: string,
  instanceId: string,
  records: readonly DecisionRecord[],
): Promise<void> {
  const rows = await tx.query<SessionRow>(
    'select id, instance_id, workloads, user_subject from sessions where tenant = $1 and id = any($2::text[])',
    [tenant, [...new Set(records.map((record) => storable(record.sessionId)))]],
  );
  const sessions = new Map(rows.map((row) => [row.id, row]));
  const unknown: DecisionRecord[] = [];
  for (const record of records) {
    if (record.instanceId !== instanceId) throw foreign(record, 'names another instance');
    const session = sessions.get(record.sessionId);
    if (session === undefined) {
      unknown.push(record);
      continue;
    }
    if (session.instance_id !== instanceId) throw foreign(record, "names another instance's session");
    if (!record.workloads.every((workload) => session.workloads.includes(workload))) {
      throw foreign(record, 'names a workload that its session is not');
    }
    if (record.user !== (session.user_subject ?? '')) throw foreign(record, 'names another user than its session');
  }
  if (unknown.length > 0) await refuseStrange(tx, tenant, instanceId, unknown);
}

/**
 * Whoever sends has a session of this instance, so that a made-up one lends no other workload and no other user. Where the
 * store has none any more, as the stream outlived it, nobody is vouched for until the proxy has attested again.
 */
async function refuseStrange(
  tx: Sql,
  tenant: string,
  instanceId: string,
  records: readonly DecisionRecord[],
): Promise<void> {
  const sessions = await tx.query<Pick<SessionRow, 'workloads' | 'user_subject'>>(
    'select distinct workloads, user_subject from sessions where tenant = $1 and instance_id = $2',
    [tenant, instanceId],
  );
  const workloads = new Set(sessions.flatMap((session) => session.workloads));
  const users = new Set(['', ...sessions.map((session) => session.user_subject)]);
  for (const record of records) {
    if (!record.workloads.every((workload) => workloads.has(workload))) {
      throw foreign(record, 'names a workload that its instance is not');
    }
    if (!users.has(record.user)) throw foreign(record, "names a user that is not its instance's");
  }
}

function foreign(record: DecisionRecord, what: string): ChainError {
  return new ChainError('record-foreign', `decision ${record.id.slice(0, 64)} ${what}`);
}

/**
 * One statement for all: the rows go in as one JSON parameter, bytes in hexadecimal. Positions count a tenant's own decisions: in
 * a count of all of them it would see how much the others do.
 */
async function insertRecords(
  tx: Sql,
  tenant: string,
  instanceId: string,
  records: readonly DecodedRecord[],
): Promise<void> {
  await tx.query(
    `insert into decisions (position, tenant, instance_id, sequence, previous_hash, hash, record, decision_id, at, session_id,
       workloads, user_subject, host, port, server_workload, access_policy, method, path, outcome, reason, status)
     select (select coalesce(max(position), 0) from decisions where tenant = $1) + row_number() over (order by r.sequence),
       $1, $2, r.sequence, decode(r.previous_hash, 'hex'), decode(r.hash, 'hex'), decode(r.record, 'hex'),
       r.decision_id, r.at, r.session_id, r.workloads, r.user_subject, r.host, r.port, r.server_workload,
       r.access_policy, r.method, r.path, r.outcome, r.reason, r.status
     from jsonb_to_recordset($3::jsonb) as r(sequence bigint, previous_hash text, hash text, record text,
       decision_id text, at timestamptz, session_id text, workloads text[], user_subject text, host text, port int,
       server_workload text, access_policy text, method text, path text, outcome text, reason text, status int)
     order by r.sequence`,
    [tenant, instanceId, JSON.stringify(records.map(rowOf))],
  );
}

function rowOf({ chained, record }: DecodedRecord): Record<string, unknown> {
  return {
    sequence: chained.sequence,
    previous_hash: chained.previousHash.toString('hex'),
    hash: chained.hash.toString('hex'),
    record: chained.record.toString('hex'),
    ...indexedColumns(record),
  };
}
