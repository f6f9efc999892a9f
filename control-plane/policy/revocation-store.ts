import { randomUUID } from 'node:crypto';
import { UsageError } from '../../common/errors.ts';
import { CHANNELS, notifyFrom, type Sql, type SqlStore } from '../store/sql-store.ts';
import type { ActiveRevocation, RevocationTargetName } from './facts.ts';

export interface RevocationRequest {
  readonly target: RevocationTargetName;
  readonly name: string;
  /** For people; stored, shown in lists. */
  readonly reason?: string | undefined;
  /** Who asked for it. */
  readonly by: string;
  /** Milliseconds since the epoch, by the clock that sessions end by: that of the database may be another. */
  readonly atMs: number;
}

/** A revocation with its history, as administrators see it. */
export interface RevocationRecord {
  readonly id: string;
  readonly target: RevocationTargetName;
  /** Name of the workload, policy, credential provider or tenant; subject of the user; id of the session. */
  readonly name: string;
  readonly reason: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly liftedAt: Date | null;
  readonly liftedBy: string | null;
}

interface Target {
  readonly target: RevocationTargetName;
  readonly name: string;
}

export type RevocationReference = { readonly id: string } | Target;

const COLUMNS = `id, target, name, reason, created_by as "createdBy", created_at as "createdAt",
  lifted_at as "liftedAt", lifted_by as "liftedBy"`;

/** Revocations by tenant, for administrators. */
export class RevocationStore {
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  revoke(tenant: string, request: RevocationRequest): Promise<RevocationRecord> {
    return this.#store.transaction(tenant, (tx) => revoke(tx, tenant, request));
  }

  /** Lifts what is in force; undefined when nothing is. */
  lift(tenant: string, which: RevocationReference, by: string): Promise<RevocationRecord | undefined> {
    return this.#store.transaction(tenant, async (tx) => {
      const found = 'id' in which ? await findInForce(tx, tenant, which.id) : which;
      return found && liftRevocation(tx, tenant, found.target, found.name, by);
    });
  }

  /** Those in force, or all; the oldest first. */
  list(tenant: string, options: { readonly lifted?: boolean } = {}): Promise<RevocationRecord[]> {
    return this.#store.transaction(tenant, (tx) =>
      tx.query<RevocationRecord>(
        `select ${COLUMNS} from revocations where tenant = $1 and ($2 or lifted_at is null) order by created_at, id`,
        [tenant, options.lifted === true],
      ),
    );
  }
}

async function findInForce(tx: Sql, tenant: string, id: string): Promise<Target | undefined> {
  const [found] = await tx.query<Target>(
    'select target, name from revocations where tenant = $1 and id = $2 and lifted_at is null',
    [tenant, id],
  );
  return found;
}

/**
 * Puts a revocation in force, or gives the one that is, which then stands by itself. Proxies hear of it when the transaction
 * commits. Other targets may come after their revocation; a session's id is made here and never comes later.
 *
 * @throws UsageError `session-unknown`
 */
export async function revoke(tx: Sql, tenant: string, request: RevocationRequest): Promise<RevocationRecord> {
  const { target, name, reason, by } = request;
  if (target === 'session') await lockSessions(tx, tenant);
  const [row] = await tx.query<RevocationRecord>(
    `insert into revocations (tenant, id, target, name, reason, created_by) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant, target, name) where lifted_at is null do update set with_session = null
     returning ${COLUMNS}`,
    [tenant, randomUUID(), target, name, reason ?? null, by],
  );
  if (row === undefined) throw new Error('the revocation was not stored');
  if (target === 'session') await endSessions(tx, tenant, request);
  await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id: row.id }));
  return row;
}

/**
 * Ends a session and the live ones beside it: a renewal is a session of its own with the same instance id or evidence, and
 * leaving it alive would leave the proxy alive. Each gets its own revocation, so that its watch ends and its evidence burns.
 */
async function endSessions(tx: Sql, tenant: string, { name, by, atMs }: RevocationRequest): Promise<void> {
  const ended = await tx.query<{ id: string }>(
    `update sessions s set ended_at = coalesce(s.ended_at, now()) from sessions named
     where named.tenant = $1 and named.id = $2 and s.tenant = $1 and (s.id = $2 or (s.ended_at is null
       and s.not_after > least($3, now()) and (s.instance_id = named.instance_id or s.evidence_hashes && named.evidence_hashes)))
     returning s.id`,
    [tenant, name, new Date(atMs)],
  );
  if (!ended.some(({ id }) => id === name)) throw new UsageError('session-unknown', `there is no session "${name}"`);
  for (const { id } of ended) {
    if (id === name) continue;
    const [sibling] = await tx.query<{ id: string }>(
      `insert into revocations (tenant, id, target, name, reason, created_by, with_session)
       values ($1, $2, 'session', $3, $4, $5, $6)
       on conflict (tenant, target, name) where lifted_at is null do nothing returning id`,
      [tenant, randomUUID(), id, `with session ${name}`, by, name],
    );
    if (sibling) await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id: sibling.id }));
  }
}

/**
 * Shared by those who add sessions of a tenant; who revokes one waits for them, and they for it, so that none slips in beside it. Taken
 * before any row: of two that revoke sessions of one proxy, each would else hold the row that the other comes to.
 */
export async function lockSessions(tx: Sql, tenant: string, how: 'alone' | 'shared' = 'alone'): Promise<void> {
  const lock = how === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await tx.query(`select ${lock}(hashtext($1))`, [`sidekey sessions of ${tenant}`]);
}

/** Lifts the revocation of a target; undefined when none was in force. A revoked session stays ended. */
export async function liftRevocation(
  tx: Sql,
  tenant: string,
  target: RevocationTargetName,
  name: string,
  by: string,
): Promise<RevocationRecord | undefined> {
  if (target === 'session') await lockSessions(tx, tenant);
  const [row] = await tx.query<RevocationRecord>(
    `update revocations set lifted_at = now(), lifted_by = $4
     where tenant = $1 and target = $2 and name = $3 and lifted_at is null returning ${COLUMNS}`,
    [tenant, target, name, by],
  );
  if (row === undefined) return undefined;
  await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id: row.id }));
  if (target === 'session') {
    await liftSiblings(tx, tenant, name, by);
    // Nothing but its row says now that it has ended.
    await notifyFrom(tx, CHANNELS.sessions, tenant);
  }
  return row;
}

/** What was revoked with a session may share its evidence, which would stay burned. */
async function liftSiblings(tx: Sql, tenant: string, session: string, by: string): Promise<void> {
  const lifted = await tx.query<{ id: string }>(
    `update revocations set lifted_at = now(), lifted_by = $3
     where tenant = $1 and with_session = $2 and lifted_at is null returning id`,
    [tenant, session, by],
  );
  for (const { id } of lifted) await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id }));
}

/** Of what is not in force any more, what nobody lifted, which would have kept its row. */
export async function findLost(
  tx: Sql,
  tenant: string,
  gone: readonly ActiveRevocation[],
): Promise<ActiveRevocation[]> {
  const rows = await tx.query<{ readonly id: string }>(
    'select id from revocations where tenant = $1 and id = any($2::text[])',
    [tenant, gone.map(({ id }) => id)],
  );
  const kept = new Set(rows.map(({ id }) => id));
  return gone.filter(({ id }) => !kept.has(id));
}

/** All revocations of a tenant that are in force, oldest first. */
export async function loadRevocations(tx: Sql, tenant: string): Promise<ActiveRevocation[]> {
  const rows = await tx.query<Target & { readonly id: string; readonly created_at: Date }>(
    'select id, target, name, created_at from revocations where tenant = $1 and lifted_at is null order by created_at, id',
    [tenant],
  );
  return rows.map(({ created_at: createdAt, ...row }) => ({ ...row, atMs: createdAt.getTime() }));
}
