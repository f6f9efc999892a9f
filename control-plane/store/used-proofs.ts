import type { UsedProofs } from '../attestation/session.ts';
import type { SqlStore } from './sql-store.ts';

/** Proofs that were used at any replica; undefined where there can be no other one. */
export function createUsedProofs(store: SqlStore): UsedProofs | undefined {
  if (store.engine === 'pglite') return undefined;
  return {
    use: async (thumbprint, id, expires) => {
      const [row] = await store.system((tx) =>
        tx.query(
          `insert into used_proofs (key_thumbprint, id, expires_at) values ($1, $2, $3)
           on conflict (key_thumbprint, id) do nothing returning id`,
          [thumbprint, id, new Date(expires)],
        ),
      );
      return row !== undefined;
    },
  };
}

/** Forgets the proofs that would be refused for their age anyway, at replicas whose clock is behind too. */
export async function pruneUsedProofs(store: SqlStore, nowMs: number): Promise<void> {
  await store.system((tx) =>
    tx.query('delete from used_proofs where expires_at < least($1, now())', [new Date(nowMs)]),
  );
}
