import { resealAll } from './store/sealed-secrets.ts';
import type { Sealer } from './store/sealing.ts';
import { rotateSealingKeyFile } from './store/sealing-keys.ts';
import type { SqlStore } from './store/sql.ts';

/**
 * Seals everything again under the current key; resolves to how many values changed. With an embedded database this process
 * alone reads the key file, so a fresh key is put in front of it first. Replicas read theirs when they start, so there the
 * operator does that (docs/storage.md). Older keys stay in the file, for backups.
 */
export async function rotateSealing(store: SqlStore, sealer: Sealer, keyFile: string | undefined): Promise<number> {
  if (store.engine === 'pglite' && keyFile !== undefined) sealer.adopt(await rotateSealingKeyFile(keyFile));
  return store.system((tx) => resealAll(tx, sealer));
}
