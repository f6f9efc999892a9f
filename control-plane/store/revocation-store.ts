import { randomUUID } from 'node:crypto';
import { CHANNELS, notifyFrom, type Sql, type SqlStore } from './sql-store.ts';

export const REVOCABLE = ['workload', 'policy', 'credential', 'user', 'session', 'tenant'] as const;
export type Revocable = (typeof REVOCABLE)[number];

export interface RevocationRecord {
  readonly id: string;
  readonly target: Revocable;
  /** Name of the workload, policy, credential provider or tenant; subject of the user; id of the session. */
  readonly name: string;
  readonly reason: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly liftedAt: Date | null;
  readonly liftedBy: string | null;
}

export interface RevokeRequest {
  readonly target: Revocable;
  readonly name: string;
  readonly reason?: string | undefined;
}

export type RevocationReference = { readonly id: string } | { readonly target: Revocable; readonly name: string };

const COLUMNS = `id, target, name, reason, created_by as "createdBy", created_at as "createdAt",
  lifted_at as "liftedAt", lifted_by as "liftedBy"`;

/** Revocations by tenant. Each change is announced on the revocation channel as {tenant, id} when it commits. */
export class RevocationStore {
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  /** Revokes; when that is in force already, answers the one in force. A session that is revoked has ended. */
  revoke(tenant: string, request: RevokeRequest, by: string): Promise<RevocationRecord> {
    return this.#store.transaction(tenant, async (tx) => {
      const [created] = await tx.query<RevocationRecord>(
        `insert into revocations (tenant, id, target, name, reason, created_by) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, target, name) where lifted_at is null do nothing returning ${COLUMNS}`,
        [tenant, randomUUID(), request.target, request.name, request.reason ?? null, by],
      );
      if (created === undefined) return inForce(tx, tenant, request);
      if (request.target === 'session') {
        await tx.query('update sessions set ended_at = now() where tenant = $1 and id = $2 and ended_at is null', [
          tenant,
          request.name,
        ]);
      }
      await announce(tx, tenant, created.id);
      return created;
    });
  }

  /** Lifts what is in force; undefined when nothing is. */
  lift(tenant: string, which: RevocationReference, by: string): Promise<RevocationRecord | undefined> {
    return this.#store.transaction(tenant, async (tx) => {
      const [lifted] = await tx.query<RevocationRecord>(
        `update revocations set lifted_at = now(), lifted_by = $2 where tenant = $1 and lifted_at is null
         and ${'id' in which ? 'id = $3' : 'target = $3 and name = $4'} returning ${COLUMNS}`,
        [tenant, by, ...('id' in which ? [which.id] : [which.target, which.name])],
      );
      if (lifted !== undefined) await announce(tx, tenant, lifted.id);
      return lifted;
    });
  }

  get(tenant: string, id: string): Promise<RevocationRecord | undefined> {
    return this.#store.transaction(tenant, async (tx) => {
      const [found] = await tx.query<RevocationRecord>(
        `select ${COLUMNS} from revocations where tenant = $1 and id = $2`,
        [tenant, id],
      );
      return found;
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

async function inForce(tx: Sql, tenant: string, request: RevokeRequest): Promise<RevocationRecord> {
  const [found] = await tx.query<RevocationRecord>(
    `select ${COLUMNS} from revocations where tenant = $1 and target = $2 and name = $3 and lifted_at is null`,
    [tenant, request.target, request.name],
  );
  if (found === undefined) throw new Error('the revocation was lifted at this very moment: revoke again');
  return found;
}

function announce(tx: Sql, tenant: string, id: string): Promise<void> {
  return notifyFrom(tx, CHANNELS.revocation, JSON.stringify({ tenant, id }));
}
