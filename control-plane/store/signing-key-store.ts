import type { SigningKeyStore } from '../credentials/signing-keys.ts';
import { signingKeyContext } from './sealed-secrets.ts';
import type { Sealer } from './sealing.ts';
import { CHANNELS, notifyFrom, type Sql, type SqlStore } from './sql-store.ts';

interface Row {
  id: string;
  sealed: Buffer;
  signs_from: Date;
  verifies_until: Date;
}

/** What a ring of signing keys serves; each purpose has keys of its own. */
export type KeyPurpose = 'session' | 'issuer' | 'event' | 'checkpoint';

/** Keeps the keys of one purpose, sealed. A change is announced on the keys channel, so that other replicas refresh. */
export function createSigningKeyStore(store: SqlStore, sealer: Sealer, purpose: KeyPurpose): SigningKeyStore {
  return {
    load: () =>
      store.system(async (tx) => {
        const rows = await tx.query<Row>(
          'select id, sealed, signs_from, verifies_until from signing_keys where purpose = $1 order by signs_from, id',
          [purpose],
        );
        return rows.map((row) => ({
          id: row.id,
          privateKey: sealer.open(row.sealed, signingKeyContext(row.id)),
          signsFrom: row.signs_from.getTime(),
          verifiesUntil: row.verifies_until.getTime(),
        }));
      }),
    add: (key) =>
      store.system(async (tx) => {
        await assertSameSealingKeys(tx, sealer);
        await tx.query(
          `insert into signing_keys (id, purpose, sealed, key_id, signs_from, verifies_until) values ($1, $2, $3, $4, $5, $6)`,
          [
            key.id,
            purpose,
            sealer.seal(key.privateKey, signingKeyContext(key.id)),
            sealer.keyId,
            new Date(key.signsFrom),
            new Date(key.verifiesUntil),
          ],
        );
        await notifyFrom(tx, CHANNELS.keys, purpose);
      }),
    remove: (id) =>
      store.system(async (tx) => {
        const removed = await tx.query(
          'delete from signing_keys where id = $1 and purpose = $2 and verifies_until < now() returning id',
          [id, purpose],
        );
        if (removed.length > 0) await notifyFrom(tx, CHANNELS.keys, purpose);
      }),
  };
}

/**
 * Replicas that start at once on an empty database all find it empty. The first to store a key settles which sealing keys
 * the database has; one that has others must not add what the rest cannot open.
 */
async function assertSameSealingKeys(tx: Sql, sealer: Sealer): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', ['sidekey signing keys']);
  const used = await tx.query<{ key_id: string }>('select distinct key_id from signing_keys');
  for (const { key_id } of used) sealer.assertHas(key_id);
}
