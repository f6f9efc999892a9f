import { randomUUID } from 'node:crypto';
import { CHANNELS, notifyFrom, type Sql } from '../store/sql-store.ts';
import type { ActiveRevocation, RevocationTargetName } from './facts.ts';

export interface RevocationRequest {
  readonly target: RevocationTargetName;
  readonly name: string;
  /** For people; stored, shown in lists. */
  readonly reason?: string | undefined;
  /** Who asked for it. */
  readonly by: string;
}

interface Row {
  readonly id: string;
  readonly target: RevocationTargetName;
  readonly name: string;
  readonly created_at: Date;
}

/** Puts a revocation in force, or gives the one that is. Proxies hear of it when the transaction commits. */
export async function revoke(tx: Sql, tenant: string, request: RevocationRequest): Promise<ActiveRevocation> {
  const { target, name, reason, by } = request;
  const [row] = await tx.query<Row>(
    `insert into revocations (tenant, id, target, name, reason, created_by) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant, target, name) where lifted_at is null do update set name = excluded.name
     returning id, target, name, created_at`,
    [tenant, randomUUID(), target, name, reason ?? null, by],
  );
  if (row === undefined) throw new Error('the revocation was not stored');
  if (target === 'session') {
    await tx.query('update sessions set ended_at = coalesce(ended_at, now()) where tenant = $1 and id = $2', [
      tenant,
      name,
    ]);
  }
  await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id: row.id }));
  return activeOf(row);
}

/** Lifts the revocation of a target; undefined when none was in force. A revoked session stays ended. */
export async function liftRevocation(
  tx: Sql,
  tenant: string,
  target: RevocationTargetName,
  name: string,
  by: string,
): Promise<ActiveRevocation | undefined> {
  const [row] = await tx.query<Row>(
    `update revocations set lifted_at = now(), lifted_by = $4
     where tenant = $1 and target = $2 and name = $3 and lifted_at is null returning id, target, name, created_at`,
    [tenant, target, name, by],
  );
  if (row === undefined) return undefined;
  await notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id: row.id }));
  return activeOf(row);
}

/** All revocations of a tenant that are in force, oldest first. */
export async function loadRevocations(tx: Sql, tenant: string): Promise<ActiveRevocation[]> {
  const rows = await tx.query<Row>(
    'select id, target, name, created_at from revocations where tenant = $1 and lifted_at is null order by created_at, id',
    [tenant],
  );
  return rows.map(activeOf);
}

function activeOf(row: Row): ActiveRevocation {
  return { id: row.id, target: row.target, name: row.name, atMs: row.created_at.getTime() };
}
