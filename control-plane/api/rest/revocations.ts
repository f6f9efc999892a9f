import type { RevocationTargetName } from '../../policy/facts.ts';
import { liftRevocation, revoke, type RevocationRequest } from '../../policy/revocation-store.ts';
import type { Sql, SqlStore } from '../../store/sql-store.ts';

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

export type RevocationReference =
  | { readonly id: string }
  | { readonly target: RevocationTargetName; readonly name: string };

const COLUMNS = `id, target, name, reason, created_by as "createdBy", created_at as "createdAt",
  lifted_at as "liftedAt", lifted_by as "liftedBy"`;

/** Revocations by tenant, for administrators. */
export class Revocations {
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  /** Revokes; when that is in force already, answers the one in force. */
  revoke(tenant: string, request: RevocationRequest): Promise<RevocationRecord> {
    return this.#store.transaction(tenant, async (tx) => {
      const { id } = await revoke(tx, tenant, request);
      return readOne(tx, tenant, id);
    });
  }

  /** Lifts what is in force; undefined when nothing is. */
  lift(tenant: string, which: RevocationReference, by: string): Promise<RevocationRecord | undefined> {
    return this.#store.transaction(tenant, async (tx) => {
      const found = 'id' in which ? await findInForce(tx, tenant, which.id) : which;
      const lifted = found && (await liftRevocation(tx, tenant, found.target, found.name, by));
      return lifted && readOne(tx, tenant, lifted.id);
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

async function readOne(tx: Sql, tenant: string, id: string): Promise<RevocationRecord> {
  const [record] = await tx.query<RevocationRecord>(
    `select ${COLUMNS} from revocations where tenant = $1 and id = $2`,
    [tenant, id],
  );
  if (record === undefined) throw new Error('the revocation is gone');
  return record;
}

async function findInForce(
  tx: Sql,
  tenant: string,
  id: string,
): Promise<{ target: RevocationTargetName; name: string } | undefined> {
  const [found] = await tx.query<{ target: RevocationTargetName; name: string }>(
    'select target, name from revocations where tenant = $1 and id = $2 and lifted_at is null for update',
    [tenant, id],
  );
  return found;
}
