import { SidekeyError, UsageError } from '../../common/errors.ts';
import { assertHears } from './hearing.ts';
import { migrate } from './migrate.ts';
import { openPglite } from './pglite-store.ts';
import { openPostgres } from './postgres-store.ts';
import { type SqlStore, StoreUnavailable } from './sql-store.ts';
import { shareAmongTenants } from './tenant-shares.ts';

interface StoreOptions {
  /** `postgres://...`; without it, PGlite is used. */
  readonly url?: string | undefined;
  /** Folder of the embedded database; without it, the database lives in memory. */
  readonly dataDir?: string | undefined;
  /** Told of trouble in the background, such as a lost connection. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Opens the database and brings its schema up to date. */
export async function openStore(options: StoreOptions = {}): Promise<SqlStore> {
  const raw =
    options.url === undefined
      ? await openPglite(options.dataDir)
      : openPostgres(checkUrl(options.url), options.onError);
  try {
    await migrate(raw);
    if (options.url !== undefined) await assertHears(raw.store);
    return shareAmongTenants(raw.store);
  } catch (error) {
    await raw.store.close();
    if (error instanceof SidekeyError && !(error instanceof StoreUnavailable)) throw error;
    const cause = error instanceof StoreUnavailable ? error.cause : error;
    throw new SidekeyError('store-failed', 'cannot open the database', { cause });
  }
}

function checkUrl(url: string): string {
  if (!/^postgres(?:ql)?:\/\//.test(url))
    throw new UsageError('store-url-invalid', 'the store URL must start with postgres://');
  return url;
}
