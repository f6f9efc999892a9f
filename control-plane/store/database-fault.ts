import { within } from '../../common/deadline.ts';
import type { SqlStore } from './sql-store.ts';

const READY_TIMEOUT_MS = 2_000;
const TAKES_NO_CHANGES = {
  pglite: 'too little is free on the disk of the database',
  postgres: 'the database takes no changes: it may be a standby',
};

/** Why the database cannot serve, or undefined. Whoever asks whether we are ready does not wait for long. */
export async function databaseFault(store: SqlStore): Promise<string | undefined> {
  const fault = () => 'the database does not answer';
  const asked = store
    .system((tx) => tx.query<{ readonly: string }>("select current_setting('transaction_read_only') as readonly"))
    .then(([row]) => (row?.readonly === 'on' ? TAKES_NO_CHANGES[store.engine] : undefined), fault);
  return within(asked, READY_TIMEOUT_MS, fault);
}
