import { randomUUID } from 'node:crypto';
import { within } from '../../common/deadline.ts';
import { UsageError } from '../../common/errors.ts';
import { CHANNELS, notifyFrom, type SqlStore } from './sql-store.ts';

const HEARD_WITHIN_MS = 5_000;

/**
 * A pooler that gives each transaction a connection of its own loses notifications without a word: revocations of other
 * replicas would come half a minute late.
 *
 * @throws UsageError `store-deaf`
 */
export async function assertHears(store: SqlStore): Promise<void> {
  const told = randomUUID();
  let hear = (): void => {};
  const heard = new Promise<void>((resolve) => (hear = resolve));
  const stop = await store.listen(CHANNELS.hearing, (payload) => payload === told && hear());
  await store.system((tx) => notifyFrom(tx, CHANNELS.hearing, told));
  await within(heard, HEARD_WITHIN_MS, () => {
    throw new UsageError(
      'store-deaf',
      'notifications of the database do not arrive: connect to PostgreSQL itself, or through a pooler that pools by session',
    );
  });
  await stop();
}
