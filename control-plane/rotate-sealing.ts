import { resealAll } from './store/sealed-secrets.ts';
import type { Sealer } from './store/sealing.ts';
import { rotateSealingKeyFile } from './store/sealing-keys.ts';
import type { SqlStore } from './store/sql.ts';

/**
 * Gives what seals everything again under the current key, and resolves to how many values changed. With an embedded
 * database this process alone reads the key file, so a fresh key is put in front of it first. Replicas read theirs when
 * they start, so there the operator does that (docs/storage.md). Older keys stay in the file, for backups.
 *
 * One rotation at a time: of two that read the file together, one would seal under a key that the other's file lacks.
 */
export function createSealingRotation(
  store: SqlStore,
  sealer: Sealer,
  keyFile: string | undefined,
): () => Promise<number> {
  let last: Promise<unknown> = Promise.resolve();
  const rotate = async (): Promise<number> => {
    if (store.engine === 'pglite' && keyFile !== undefined) sealer.adopt(await rotateSealingKeyFile(keyFile));
    return store.system((tx) => resealAll(tx, sealer));
  };
  return () => {
    const rotation = last.then(rotate);
    last = rotation.catch(() => undefined);
    return rotation;
  };
}
