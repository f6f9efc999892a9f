import { SidekeyError } from '../../common/errors.ts';

/** The database does not answer, or not now; nothing says whether a transaction under way was kept. */
export class StoreUnavailable extends SidekeyError {
  constructor(cause: unknown) {
    const state = sqlState(cause);
    const [, message = 'the database does not answer'] = OUTAGES.find(([states]) => states.test(state)) ?? [];
    super('store-unavailable', message, { cause });
  }
}

/** SQLSTATE classes and codes (PostgreSQL, appendix A) of a server that cannot work now, and what to tell of it. */
const OUTAGES = [
  [/^53/, 'the database is out of disk space, memory or connections'],
  [/^(57014|55P03|40)/, 'the database is busy: a statement took too long, or waited too long for a lock'],
  [/^25006/, 'the database takes no changes: it may be a standby'],
  [/^(08|57P)/, 'the database does not answer'],
] as const;

export function isOutage(error: unknown): boolean {
  return OUTAGES.some(([states]) => states.test(sqlState(error)));
}

/** What is connected may be a standby since a failover, and the way now lead to another. */
export function isReadOnly(error: unknown): error is Error {
  return sqlState(error) === '25006';
}

/** Of both engines' errors; that of a socket has other letters in its place, such as ECONNREFUSED. */
function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What a query may be given. JSON goes in as text with a `::jsonb` cast. */
export type SqlValue = string | number | boolean | null | Date | Uint8Array | readonly string[] | readonly number[];

/** One open transaction. bigint comes back as number, bytea as Buffer, timestamptz as Date, jsonb parsed. */
export interface Sql {
  query<Row>(text: string, params?: readonly SqlValue[]): Promise<Row[]>;
}

/**
 * The one way to the database, the same on PGlite and PostgreSQL. Do not open a transaction inside another, nor wait for
 * the network inside one: PGlite has a single connection.
 */
export interface SqlStore {
  readonly engine: 'pglite' | 'postgres';
  /** Runs as the tenant's role: row-level security shows and takes this tenant's rows only. Rolled back on a throw. */
  transaction<T>(tenant: string, run: (tx: Sql) => Promise<T>): Promise<T>;
  /** Runs across tenants: looking up tenants, signing keys, resealing. `enterTenant` steps down for the rest of it. */
  system<T>(run: (tx: Sql) => Promise<T>): Promise<T>;
  /**
   * Calls `handler` for each notification, from this process too. `onGap` is called when some may have been missed,
   * such as after a lost connection: read the state again. Resolves to a function that stops listening.
   */
  listen(channel: Channel, handler: (payload: string) => void, onGap?: () => void): Promise<() => Promise<void>>;
  connections(): ConnectionUse;
  close(): Promise<void>;
}

/** Connections to the database, and transactions that wait for one. */
export interface ConnectionUse {
  readonly open: number;
  readonly idle: number;
  readonly waiting: number;
}

/** Channels of the control plane. Payloads are the tenant's name unless said otherwise. */
export const CHANNELS = {
  policy: 'sidekey_policy',
  /** JSON: {tenant, id}. */
  revocation: 'sidekey_revocation',
  /** Sessions of the tenant have ended that no revocation in force names. */
  sessions: 'sidekey_sessions',
  /** A tenant is gone; one of the same name may follow, and has keys of its own. */
  tenantGone: 'sidekey_tenant_gone',
  decision: 'sidekey_decision',
  /** Payload: purpose of the signing keys that changed. */
  keys: 'sidekey_keys',
  /** Payload: what a process tells itself at its start. */
  hearing: 'sidekey_hearing',
} as const;

export type Channel = (typeof CHANNELS)[keyof typeof CHANNELS];

export const TENANT_ROLE = 'sidekey_tenant';
export const SYSTEM_ROLE = 'sidekey_system';

/** Makes the rest of the transaction that of one tenant. */
export async function enterTenant(tx: Sql, tenant: string): Promise<void> {
  await tx.query(`select set_config('role', '${TENANT_ROLE}', true), set_config('sidekey.tenant', $1, true)`, [tenant]);
}

/** Makes the rest of the transaction that of the control plane itself. */
export async function enterSystem(tx: Sql): Promise<void> {
  await tx.query(`select set_config('role', '${SYSTEM_ROLE}', true), set_config('sidekey.tenant', '', true)`);
}

/** A notification that is sent when, and only if, the transaction commits. Payload: under 8,000 bytes. */
export async function notifyFrom(tx: Sql, channel: Channel, payload: string): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [channel, payload]);
}
