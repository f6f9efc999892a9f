import { within } from '../../common/deadline.ts';
import type { SqlStore } from './sql-store.ts';

const READY_TIMEOUT_MS = 2_000;

/** Why the database cannot serve, or undefined. Whoever asks whether we are ready does not wait for long. */
export async function databaseFault(store: SqlStore): Promise<string | undefined> {
  const fault = () => 'the database does not answer';
  const asked = store.system((tx) => tx.query('select 1 as alive')).then(() => undefined, fault);
  return within(asked, READY_TIMEOUT_MS, fault);
}
