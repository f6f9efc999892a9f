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
  /** At most 1,000; default 100. */
  readonly limit?: number | undefined;
}

interface Row {
  readonly position: number;
  readonly instance_id: string;
  readonly sequence: number;
  readonly record: Buffer;
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

/** Decisions of a tenant, oldest first. */
export async function queryDecisions(
  store: SqlStore,
  tenant: string,
  filter: DecisionFilter,
  page: DecisionPage = {},
): Promise<DecisionEntry[]> {
  const params: SqlValue[] = [tenant];
  const clauses = ['tenant = $1'];
  const add = (clause: string, value: SqlValue): void => {
    params.push(value);
    clauses.push(clause.replace('?', `$${params.length}`));
  };
  for (const key of Object.keys(CLAUSES) as (keyof DecisionFilter)[]) {
    const value = filter[key];
    if (value !== undefined) add(CLAUSES[key], value);
  }
  if (page.after !== undefined) add('position > ?', page.after);
  const limit = Math.min(Math.max(Math.trunc(page.limit ?? 100), 1), 1_000);
  const order = page.after === undefined ? 'desc' : 'asc';
  const rows = await store.transaction(tenant, (tx) =>
    tx.query<Row>(
      `select position, instance_id, sequence, record from decisions where ${clauses.join(' and ')}
       order by position ${order} limit ${limit}`,
      params,
    ),
  );
  if (order === 'desc') rows.reverse();
  return rows.map((row) => entryOf(row.position, row.instance_id, row.sequence, row.record));
}

/** Calls `onEntries` with decisions as they are stored, in order, until `stop`. Starts after the position given, else with the next one. */
export async function followDecisions(
  store: SqlStore,
  tenant: string,
  filter: DecisionFilter,
  from: number | undefined,
  onEntries: (entries: readonly DecisionEntry[]) => void,
): Promise<() => Promise<void>> {
  let after = from ?? (await lastPosition(store, tenant));
  let wanted = false;
  let stopped = false;
  let running: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    while (wanted && !stopped) {
      wanted = false;
      let entries: DecisionEntry[];
      do {
        entries = await queryDecisions(store, tenant, filter, { after, limit: 500 });
        after = entries.at(-1)?.position ?? after;
        if (entries.length > 0 && !stopped) onEntries(entries);
      } while (entries.length === 500);
    }
  };
  const wake = (): void => {
    wanted = true;
    running ??= drain()
      .catch(() => undefined)
      .finally(() => {
        running = undefined;
        if (wanted && !stopped) wake();
      });
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
