import { SidekeyError } from '../../common/errors.ts';
import { resealAll } from './sealed-secrets.ts';
import type { Sealer, SealingKeys } from './sealing.ts';
import { loadSealingKeys, rotateSealingKeyFile } from './sealing-keys.ts';
import type { SqlStore } from './sql-store.ts';

/** Nothing was rotated: what is sealed opens under the keys of the file, which stays as it was. */
export class KeyFileUnusable extends SidekeyError {
  constructor(cause: unknown) {
    const code = codeOf(cause);
    const why = code === undefined ? '' : ` (${code})`;
    const next = IS_OF_OTHERS.has(code) ? '; put a fresh key in front of those in it, and ask again' : '';
    const message = `the file of sealing keys cannot be read or replaced${why}; nothing was rotated${next}`;
    super('key-file-unusable', message, { cause });
  }
}

/** What is said where the file is kept by others, such as a secret that Kubernetes mounts. */
const IS_OF_OTHERS: ReadonlySet<string | undefined> = new Set(['EROFS', 'EACCES', 'EPERM']);

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/**
 * Gives what seals everything again under the current key, and resolves to how many values changed. With an embedded
 * database this process alone reads the key file, so a fresh key is put in front of it first. Replicas read theirs when
 * they start, so there the operator does that (docs/storage.md); so does whoever keeps a file that cannot be written here. Older keys
 * stay in the file, for backups.
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
      sealer.adopt(await freshKeys(keyFile, sealer.keyId));
    }
    return store.system((tx) => resealAll(tx, sealer));
  };
  return () => {
    const rotation = last.then(rotate);
    last = rotation.catch(() => undefined);
    return rotation;
  };
}

/** Throws KeyFileUnusable. */
async function freshKeys(keyFile: string, presentId: string): Promise<SealingKeys> {
  try {
    return await rotateSealingKeyFile(keyFile);
  } catch (cause) {
    const found = IS_OF_OTHERS.has(codeOf(cause)) ? await loadSealingKeys(keyFile).catch(() => undefined) : undefined;
    if (found?.older.some(({ id }) => id === presentId) === true) return found;
    throw new KeyFileUnusable(cause);
  }
}
