import { BoundedCache } from '../../common/bounded-cache.ts';
import { lockSessions } from '../policy/revocation-store.ts';
import { CHANNELS, type SqlStore } from '../store/sql-store.ts';
import type { SessionTicket } from './session.ts';

/** What the control plane keeps of a session. */
export interface SessionRecord {
  readonly ticket: SessionTicket;
  /** Client workloads matched at attestation, which is what records name; decisions go by what matches now. */
  readonly workloads: readonly string[];
  readonly user: string | undefined;
  readonly trust: readonly string[];
  /** What each of them said at attestation. */
  readonly trustDigests: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly userClaims: Readonly<Record<string, unknown>>;
  /** `hash` of each piece of evidence. */
  readonly evidenceHashes: readonly string[];
  /** Milliseconds since the epoch at which the last of it expires; undefined: not known. */
  readonly evidenceNotAfter: number | undefined;
  /** SubjectPublicKeyInfo of the proxy's key in base64, when it asked for a certificate authority. */
  readonly authorityKey: string | undefined;
  /** The key that signs this session's watch events. */
  readonly eventKeyId: string;
  /** Release of the proxy. */
  readonly proxyVersion: string;
}

/** The `claims` column. */
interface StoredClaims {
  readonly agent: Record<string, unknown>;
  readonly user: Record<string, unknown>;
  readonly authorityKey?: string;
  /** Sessions of an older control plane lack it, and are not vouched for. */
  readonly trustDigests?: Record<string, string>;
  readonly evidenceNotAfter?: number;
  readonly eventKeyId: string;
  readonly proxyVersion?: string;
}

interface Row {
  readonly workloads: string[];
  readonly trust_providers: string[];
  readonly user_subject: string | null;
  readonly claims: StoredClaims;
  readonly evidence_hashes: string[];
  readonly ended_at: Date | null;
}

/** A session as administrators see it: nothing that ties it to its key or its evidence. */
interface ListedSession {
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

const MAX_SESSIONS = 20_000;
const MAX_LISTED = 1_000;
const KEEP_ENDED_MS = 86_400_000;
/** Revocations of sessions are many, as each names one; the others stay as history. */
const KEEP_LIFTED_MS = 30 * 86_400_000;

/** Sessions in the store, with those in use held in memory. Whether one is revoked is asked of the tenant's revocations. */
export class SessionRecords {
  readonly #store: SqlStore;
  readonly #known = new BoundedCache<string, SessionRecord>(MAX_SESSIONS);

  constructor(store: SqlStore) {
    this.#store = store;
  }

  /** Held in memory. */
  get heldCount(): number {
    return this.#known.size;
  }

  /** Stores a session, or says why not: its evidence belongs to a revoked session, its instance id to another workload. */
  async add(record: SessionRecord): Promise<'added' | 'evidence-revoked' | 'foreign-instance'> {
    const { ticket } = record;
    const stored: StoredClaims = {
      agent: record.claims,
      user: record.userClaims,
      eventKeyId: record.eventKeyId,
      proxyVersion: record.proxyVersion,
      trustDigests: record.trustDigests,
      ...(record.evidenceNotAfter === undefined ? {} : { evidenceNotAfter: record.evidenceNotAfter }),
      ...(record.authorityKey === undefined ? {} : { authorityKey: record.authorityKey }),
    };
    const outcome = await this.#store.transaction(ticket.tenant, async (tx) => {
      await lockSessions(tx, ticket.tenant, 'shared');
      const burned = await tx.query(
        `select 1 as found from sessions s join revocations r on r.tenant = s.tenant and r.name = s.id
         where s.tenant = $1 and r.target = 'session' and r.lifted_at is null and s.evidence_hashes && $2::text[] limit 1`,
        [ticket.tenant, record.evidenceHashes],
      );
      if (burned.length > 0) return 'evidence-revoked';
      // A decision chain is continued by the proxy or the workload that began it: nobody else may write into it.
      const foreign = await tx.query(
        `select 1 as found from sessions where tenant = $1 and instance_id = $2
         having count(*) > 0 and not bool_or(key_thumbprint = $3 or workloads && $4::text[])`,
        [ticket.tenant, ticket.instanceId, ticket.proxyKeyThumbprint, record.workloads],
      );
      if (foreign.length > 0) return 'foreign-instance';
      await tx.query(
        `insert into sessions (tenant, id, instance_id, key_thumbprint, workloads, trust_providers, user_subject, claims,
           evidence_hashes, not_after) values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10)`,
        [
          ticket.tenant,
          ticket.id,
          ticket.instanceId,
          ticket.proxyKeyThumbprint,
          record.workloads,
          record.trust,
          record.user ?? null,
          JSON.stringify(stored),
          record.evidenceHashes,
          new Date(ticket.notAfter),
        ],
      );
      return 'added';
    });
    if (outcome === 'added') this.#known.set(keyOf(ticket), record);
    return outcome;
  }

  /** The session of a verified ticket; undefined when it is unknown or, unless `evenEnded`, has ended. */
  async find(ticket: SessionTicket, evenEnded = false): Promise<SessionRecord | undefined> {
    const known = this.#known.get(keyOf(ticket));
    if (known) return known;
    const [row] = await this.#store.transaction(ticket.tenant, (tx) =>
      tx.query<Row>(
        `select workloads, trust_providers, user_subject, claims, evidence_hashes, ended_at from sessions
         where tenant = $1 and id = $2 and key_thumbprint = $3`,
        [ticket.tenant, ticket.id, ticket.proxyKeyThumbprint],
      ),
    );
    const hasEnded = row !== undefined && row.ended_at !== null;
    if (row === undefined || (hasEnded && !evenEnded)) return undefined;
    const record: SessionRecord = {
      ticket,
      workloads: row.workloads,
      user: row.user_subject ?? undefined,
      trust: row.trust_providers,
      trustDigests: row.claims.trustDigests ?? {},
      claims: row.claims.agent,
      userClaims: row.claims.user,
      evidenceHashes: row.evidence_hashes,
      evidenceNotAfter: row.claims.evidenceNotAfter,
      authorityKey: row.claims.authorityKey,
      eventKeyId: row.claims.eventKeyId,
      proxyVersion: row.claims.proxyVersion ?? '',
    };
    if (!hasEnded) this.#known.set(keyOf(ticket), record);
    return record;
  }

  /** Sessions of a tenant, the newest first, 1,000 at most; `all`: also those that have ended or expired. */
  list(tenant: string, { all, now }: { readonly all: boolean; readonly now: Date }): Promise<ListedSession[]> {
    return this.#store.transaction(tenant, (tx) =>
      tx.query<ListedSession>(
        `select id, instance_id as "instanceId", workloads, trust_providers as "trustProviders", user_subject as "user",
           claims->>'proxyVersion' as "proxyVersion", created_at as "createdAt", not_after as "notAfter", ended_at as "endedAt"
         from sessions where tenant = $1 and ($2 or (ended_at is null and not_after > $3))
         order by created_at desc, id limit ${MAX_LISTED}`,
        [tenant, all, now],
      ),
    );
  }

  /** Has sessions that may have ended dropped from memory, so that the next question reads it; gives what stops that. */
  follow(): Promise<() => Promise<void>> {
    return this.#store.listen(
      CHANNELS.sessions,
      (tenant) => this.#known.deleteWhere(({ ticket }) => ticket.tenant === tenant),
      () => this.#known.clear(),
    );
  }

  /**
   * Drops sessions that ended long ago. Those that are revoked keep their rows for as long as their evidence is good, to keep
   * it burned; then nothing is left to revoke, and the revocation lapses. By the earlier of two clocks, this machine's and the
   * database's: that of one replica may be wrong.
   */
  async prune(localMs: number): Promise<void> {
    this.#known.deleteWhere((record) => record.ticket.notAfter <= localMs);
    await this.#store.system(async (tx) => {
      const [clock] = await tx.query<{ now: Date }>('select least(now(), $1) as now', [new Date(localMs)]);
      if (clock === undefined) return;
      const nowMs = clock.now.getTime();
      const longAgo = nowMs - KEEP_ENDED_MS;
      await tx.query(
        `update revocations r set lifted_at = $3, lifted_by = 'lapsed' where r.target = 'session' and r.lifted_at is null
           and r.created_at < $1 and not exists (select from sessions s where s.tenant = r.tenant and s.id = r.name
             and (s.not_after >= $1 or coalesce((s.claims->>'evidenceNotAfter')::float8, 'infinity') >= $2))`,
        [new Date(longAgo), longAgo, new Date(nowMs)],
      );
      await tx.query(`delete from revocations where target = 'session' and lifted_at < $1`, [
        new Date(nowMs - KEEP_LIFTED_MS),
      ]);
      await tx.query(
        `delete from sessions s where s.not_after < $1 and not exists (select from revocations r
           where r.tenant = s.tenant and r.target = 'session' and r.name = s.id and r.lifted_at is null)`,
        [new Date(longAgo)],
      );
    });
  }
}

function keyOf(ticket: SessionTicket): string {
  return `${ticket.tenant} ${ticket.id} ${ticket.proxyKeyThumbprint}`;
}
