import type { SqlStore } from './sql-store.ts';

/** What attestation proved, kept as long as the session lives, and a while for the record. */
export interface SessionRecord {
  readonly id: string;
  readonly instanceId: string;
  readonly keyThumbprint: string;
  readonly workloads: readonly string[];
  /** Names of the trust providers whose evidence was verified. */
  readonly trustProviders: readonly string[];
  readonly user: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly userClaims: Readonly<Record<string, unknown>>;
  readonly evidenceHashes: readonly string[];
  readonly createdAt: Date;
  readonly notAfter: Date;
  readonly endedAt: Date | null;
}

export type NewSession = Omit<SessionRecord, 'createdAt' | 'endedAt'>;

const COLUMNS = `id, instance_id as "instanceId", key_thumbprint as "keyThumbprint", workloads,
  trust_providers as "trustProviders", user_subject as "user", claims, user_claims as "userClaims",
  evidence_hashes as "evidenceHashes", created_at as "createdAt", not_after as "notAfter", ended_at as "endedAt"`;
const MAX_LISTED = 1_000;

/** Sessions by tenant. */
export class SessionStore {
  readonly #store: SqlStore;

  constructor(store: SqlStore) {
    this.#store = store;
  }

  async add(tenant: string, session: NewSession): Promise<void> {
    await this.#store.transaction(tenant, (tx) =>
      tx.query(
        `insert into sessions (tenant, id, instance_id, key_thumbprint, workloads, trust_providers, user_subject, claims,
           user_claims, evidence_hashes, not_after) values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10, $11)`,
        [
          tenant,
          session.id,
          session.instanceId,
          session.keyThumbprint,
          session.workloads,
          session.trustProviders,
          session.user,
          JSON.stringify(session.claims),
          JSON.stringify(session.userClaims),
          session.evidenceHashes,
          session.notAfter,
        ],
      ),
    );
  }

  get(tenant: string, id: string): Promise<SessionRecord | undefined> {
    return this.#store.transaction(tenant, async (tx) => {
      const [found] = await tx.query<SessionRecord>(`select ${COLUMNS} from sessions where tenant = $1 and id = $2`, [
        tenant,
        id,
      ]);
      return found;
    });
  }

  /** Sessions that have neither ended nor expired at `now`, or all; the newest first, 1,000 at most. */
  list(tenant: string, options: { readonly all?: boolean; readonly now: Date }): Promise<SessionRecord[]> {
    return this.#store.transaction(tenant, (tx) =>
      tx.query<SessionRecord>(
        `select ${COLUMNS} from sessions where tenant = $1 and ($2 or (ended_at is null and not_after > $3))
         order by created_at desc, id limit ${MAX_LISTED}`,
        [tenant, options.all === true, options.now],
      ),
    );
  }

  async end(tenant: string, id: string): Promise<void> {
    await this.#store.transaction(tenant, (tx) =>
      tx.query('update sessions set ended_at = now() where tenant = $1 and id = $2 and ended_at is null', [tenant, id]),
    );
  }

  /** Whether some of this evidence made a session that is revoked now: such evidence is burnt. */
  evidenceRevoked(tenant: string, evidenceHashes: readonly string[]): Promise<boolean> {
    return this.#store.transaction(tenant, async (tx) => {
      const found = await tx.query(
        `select 1 from sessions s join revocations r
           on r.tenant = s.tenant and r.target = 'session' and r.name = s.id and r.lifted_at is null
         where s.tenant = $1 and s.evidence_hashes && $2::text[] limit 1`,
        [tenant, evidenceHashes],
      );
      return found.length > 0;
    });
  }

  /** Forgets the sessions of all tenants that expired before `before`; resolves to how many. */
  forgetExpired(before: Date): Promise<number> {
    return this.#store.system(
      async (tx) => (await tx.query('delete from sessions where not_after < $1 returning id', [before])).length,
    );
  }
}
