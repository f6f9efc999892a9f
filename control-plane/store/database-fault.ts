import { within } from '../../common/deadline.ts';
import { enterSystem, type Sql, type SqlStore } from './sql-store.ts';

const READY_TIMEOUT_MS = 2_000;
/** Anybody may ask, as often as they like: that all is well is said again for this long. */
const WELL_FOR_MS = 1_000;
const SILENT = 'the database does not answer';
const TAKES_NO_CHANGES = {
  pglite: 'too little is free on the disk of the database',
  postgres: 'the database takes no changes: it may be a standby',
};
const FINISHES_NO_CHANGE = 'the database answers, and finishes no change: its synchronous standby may be away';

interface Asked {
  readonly fault: Promise<string | undefined>;
  /** What to say of a database that takes longer than anybody waits. */
  readonly late: () => string;
}

/**
 * Gives what says why the database cannot serve, or undefined; it is asked once for all who ask meanwhile, and who asks does not wait
 * for long.
 */
export function createDatabaseCheck(
  store: SqlStore,
  nowMs = () => performance.now(),
): () => Promise<string | undefined> {
  let asked: Asked | undefined;
  let wellUntil = -Infinity;
  return async () => {
    if (nowMs() < wellUntil) return undefined;
    if (asked === undefined) {
      const now = askFault(store);
      asked = now;
      void now.fault.then((fault) => {
        asked = undefined;
        if (fault === undefined) wellUntil = nowMs() + WELL_FOR_MS;
      });
    }
    return within(asked.fault, READY_TIMEOUT_MS, asked.late);
  };
}

function askFault(store: SqlStore): Asked {
  let late = SILENT;
  const fault = store
    .system(async (tx) => {
      const [row] = await tx.query<{ readonly: string }>("select current_setting('transaction_read_only') as readonly");
      if (row?.readonly === 'on') return TAKES_NO_CHANGES[store.engine];
      if (store.engine === 'pglite') return undefined;
      if (await hasStuckCommit(tx)) return FINISHES_NO_CHANGE;
      late = FINISHES_NO_CHANGE;
      // A lock changes no row, and is written to the log all the same, for which the commit waits.
      await tx.query('select 1 as locked from signing_keys limit 1 for key share skip locked');
      return undefined;
    })
    .catch(() => late);
  return { fault, late: () => late };
}

/**
 * A commit that waits for a standby goes on waiting when nobody waits for it any more, and keeps its connection: none is added to one
 * that is there already, whichever replica's it is. Who connected alone is shown what its connections do.
 */
async function hasStuckCommit(tx: Sql): Promise<boolean> {
  await tx.query("select set_config('role', 'none', true)");
  const stuck = await tx.query(
    `select 1 as found from pg_stat_activity where usename = session_user and state = 'active' and query = 'commit'
       and clock_timestamp() - query_start > $1::interval limit 1`,
    [`${READY_TIMEOUT_MS} ms`],
  );
  await enterSystem(tx);
  return stuck.length > 0;
}
