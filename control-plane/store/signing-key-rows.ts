import { createPrivateKey, createPublicKey } from 'node:crypto';
import { Secret } from '../../common/secret.ts';
import type { SigningKeyStore } from '../credentials/signing-keys.ts';
import { signingKeyContext } from './sealed-secrets.ts';
import type { Sealer } from './sealing.ts';
import { CHANNELS, notifyFrom, type SqlStore } from './sql-store.ts';

interface Row {
  readonly id: string;
  readonly sealed: Buffer;
  readonly active_from: Date;
  readonly retired_at: Date;
}

export const KEY_PURPOSES = ['sessions', 'events', 'issuer'] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** The signing keys of one purpose, sealed in the store and shared by all replicas. */
export function createSigningKeyRows(store: SqlStore, sealer: Sealer, purpose: KeyPurpose): SigningKeyStore {
  return {
    load: () =>
      store.system(async (tx) => {
        const rows = await tx.query<Row>(
          'select id, sealed, active_from, retired_at from signing_keys where purpose = $1 and retired_at is not null',
          [purpose],
        );
        return rows.map((row) => ({
          id: row.id,
          privateKey: sealer.open(row.sealed, signingKeyContext(row.id)),
          signsFrom: row.active_from.getTime(),
          verifiesUntil: row.retired_at.getTime(),
        }));
      }),
    add: ({ id, privateKey, signsFrom, verifiesUntil }) =>
      store.system(async (tx) => {
        await tx.query(
          `insert into signing_keys (id, purpose, public_jwk, sealed, key_id, active_from, retired_at)
           values ($1, $2, $3::jsonb, $4, $5, $6, $7)`,
          [
            id,
            purpose,
            publicJwk(privateKey),
            sealer.seal(privateKey, signingKeyContext(id)),
            sealer.keyId,
            new Date(signsFrom),
            new Date(verifiesUntil),
          ],
        );
        await notifyFrom(tx, CHANNELS.keys, purpose);
      }),
    remove: (id) =>
      store.system(async (tx) => {
        await tx.query('delete from signing_keys where id = $1 and purpose = $2', [id, purpose]);
        await notifyFrom(tx, CHANNELS.keys, purpose);
      }),
  };
}

function publicJwk(privateKey: Secret): string {
  const key = createPrivateKey({ key: privateKey.revealBytes(), format: 'der', type: 'pkcs8' });
  return JSON.stringify(createPublicKey(key).export({ format: 'jwk' }));
}
