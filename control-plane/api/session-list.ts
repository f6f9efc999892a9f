import type { SqlStore } from '../store/sql-store.ts';

/** A session as administrators see it: nothing that ties it to its key or its evidence. */
export interface ListedSession {
  readonly id: string;
  readonly instanceId: string;
  readonly workloads: readonly string[];
  readonly trustProviders: readonly string[];
  readonly user: string | null;
  /** Release of the proxy; sessions of an older control plane lack it. */
  readonly proxyVersion: string | null;
  readonly createdAt: Date;
  readonly notAfter: Date;
  readonly endedAt: Date | null;
}

export interface SessionListOptions {
  /** Also those that have ended or expired. */
  readonly all: boolean;
  readonly now: Date;
}

const MAX_LISTED = 1_000;

/** Sessions of a tenant, the newest first, 1,000 at most. */
export function listSessions(store: SqlStore, tenant: string, options: SessionListOptions): Promise<ListedSession[]> {
  return store.transaction(tenant, (tx) =>
    tx.query<ListedSession>(
      `select id, instance_id as "instanceId", workloads, trust_providers as "trustProviders", user_subject as "user",
         claims->>'proxyVersion' as "proxyVersion", created_at as "createdAt", not_after as "notAfter", ended_at as "endedAt"
       from sessions where tenant = $1 and ($2 or (ended_at is null and not_after > $3))
       order by created_at desc, id limit ${MAX_LISTED}`,
      [tenant, options.all, options.now],
    ),
  );
}
