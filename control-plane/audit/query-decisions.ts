import { CHANNELS, type SqlStore, type SqlValue } from '../store/sql-store.ts';
import { type DecisionEntry, entryOf, type OutcomeName } from './decision-entry.ts';

/** What to look for; everything given must match. */
export interface DecisionFilter {
  readonly id?: string | undefined;
  readonly workload?: string | undefined;
  readonly user?: string | undefined;
  readonly host?: string | undefined;
  readonly serverWorkload?: string | undefined;
  readonly policy?: string | undefined;
  readonly session?: string | undefined;
  readonly instance?: string | undefined;
  readonly outcome?: OutcomeName | undefined;
  readonly reason?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface DecisionPage {
  /** Only decisions stored after this position, oldest first. Without it: the latest ones, still oldest first. */
  readonly after?: number | undefined;
  /** Default 100. */
  readonly limit?: number | undefined;
}

interface Row {
  readonly position: number;
  readonly instance_id: string;
  readonly sequence: number;
  readonly record: Buffer;
  readonly missing: number;
}

const CLAUSES = {
  id: 'decision_id = ?',
  workload: '? = any(workloads)',
  user: 'user_subject = ?',
  host: 'host = ?',
  serverWorkload: 'server_workload = ?',
  policy: 'access_policy = ?',
  session: 'session_id = ?',
  instance: 'instance_id = ?',
  outcome: 'outcome = ?',
  reason: 'reason = ?',
  since: 'at >= ?',
  until: 'at < ?',
} as const satisfies Record<keyof DecisionFilter, string>;

/** How far a record lies behind the one before it in its chain, whatever else is asked for. */
const MISSING = `sequence - 1 - coalesce((select max(before.sequence) from decisions before where before.tenant = d.tenant
  and before.instance_id = d.instance_id and before.sequence < d.sequence), 0)`;

/** Decisions of a tenant, oldest first. */
export async function queryDecisions(
  store: SqlStore,
  tenant: string,
  filter: DecisionFilter,
  { after, limit = 100 }: DecisionPage = {},
): Promise<DecisionEntry[]> {
  const params: SqlValue[] = [tenant, limit];
  const clauses = ['tenant = $1'];
  const add = (clause: string, value: SqlValue): void => {
    params.push(value);
    clauses.push(clause.replace('?', `$${params.length}`));
  };
  for (const key of Object.keys(CLAUSES) as (keyof DecisionFilter)[]) {
    const value = filter[key];
    if (value !== undefined) add(CLAUSES[key], value);
  }
  if (after !== undefined) add('position > ?', after);
  const order = after === undefined ? 'desc' : 'asc';
  const rows = await store.transaction(tenant, (tx) =>
    tx.query<Row>(
      `select position, instance_id, sequence, record, ${MISSING} as missing
       from decisions d where ${clauses.join(' and ')} order by position ${order} limit $2`,
      params,
    ),
  );
  if (order === 'desc') rows.reverse();
  return rows.map((row) => {
    const entry = entryOf(row.position, row.instance_id, row.sequence, row.record);
    return row.missing === 0 ? entry : { ...entry, missingBefore: row.missing };
  });
}

export interface FollowOptions {
  readonly filter: DecisionFilter;
  /** Starts after this position; undefined: with the next decision. */
  readonly from: number | undefined;
  /** Called with decisions as they are stored, in order. */
  readonly onEntries: (entries: readonly DecisionEntry[]) => void;
  /** Told of a read that failed; another follows. */
  readonly onError: (error: unknown) => void;
}

const FOLLOW_PAGE = 500;
const RETRY_MS = 1_000;

/** Follows what is stored, until the function given back is called. */
export async function followDecisions(
  store: SqlStore,
  tenant: string,
  { filter, from, onEntries, onError }: FollowOptions,
): Promise<() => Promise<void>> {
  let after = from ?? (await lastPosition(store, tenant));
  let wanted = false;
  let stopped = false;
  let running: Promise<void> | undefined;
  const readOn = async (): Promise<void> => {
    // Positions become visible in their order: what does not match up to here never will, and is not read again.
    const last = await lastPosition(store, tenant);
    const entries = await queryDecisions(store, tenant, filter, { after, limit: FOLLOW_PAGE });
    const seen = entries.at(-1)?.position ?? after;
    if (entries.length < FOLLOW_PAGE) after = Math.max(seen, last);
    else [after, wanted] = [seen, true];
    if (entries.length > 0 && !stopped) onEntries(entries);
  };
  const drain = async (): Promise<void> => {
    try {
      while (wanted && !stopped) {
        wanted = false;
        await readOn();
      }
    } catch (error) {
      if (stopped) return;
      onError(error);
      setTimeout(wake, RETRY_MS).unref();
    } finally {
      running = undefined;
    }
  };
  const wake = (): void => {
    wanted = true;
    running ??= drain();
  };
  const unlisten = await store.listen(CHANNELS.decision, (changed) => changed === tenant && wake(), wake);
  wake();
  return async () => {
    stopped = true;
    await unlisten();
    await running;
  };
}

async function lastPosition(store: SqlStore, tenant: string): Promise<number> {
  const [row] = await store.transaction(tenant, (tx) =>
    tx.query<{ position: number }>('select coalesce(max(position), 0) as position from decisions where tenant = $1', [
      tenant,
    ]),
  );
  return row?.position ?? 0;
}
