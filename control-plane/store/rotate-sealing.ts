import { SidekeyError } from '../../common/errors.ts';
import { resealAll } from './sealed-secrets.ts';
import type { Sealer } from './sealing.ts';
import { rotateSealingKeyFile } from './sealing-keys.ts';
import type { SqlStore } from './sql-store.ts';

/** Nothing was rotated: what is sealed opens under the keys of the file, which stays as it was. */
export class KeyFileUnusable extends SidekeyError {
  constructor(cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
    super('key-file-unusable', `the file of sealing keys cannot be read or replaced${code}; nothing was rotated`, {
      cause,
    });
  }
}

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
    if (store.engine === 'pglite' && keyFile !== undefined) {
      const keys = await rotateSealingKeyFile(keyFile).catch((cause: unknown) => {
        throw new KeyFileUnusable(cause);
      });
      sealer.adopt(keys);
    }
    return store.system((tx) => resealAll(tx, sealer));
  };
  return () => {
    const rotation = last.then(rotate);
    last = rotation.catch(() => undefined);
    return rotation;
  };
}
