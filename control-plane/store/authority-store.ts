import type { Secret } from '../../common/secret.ts';
import { authorityContext } from './sealed-secrets.ts';
import type { Sealer } from './sealing.ts';
import type { SqlStore } from './sql-store.ts';

/** A tenant's root certificate authority, under which its proxies' intermediates are signed. */
export interface StoredAuthority {
  readonly id: string;
  /** DER. */
  readonly certificate: Buffer;
  /** PKCS #8 DER. */
  readonly privateKey: Secret;
  readonly notAfter: Date;
}

/**
 * The tenant's newest root that lives beyond `validUntil`; else the one that `create` makes, which is then stored. Replicas
 * that ask at once get the same one.
 */
export function loadAuthority(
  store: SqlStore,
  sealer: Sealer,
  tenant: string,
  validUntil: Date,
  create: () => StoredAuthority,
): Promise<StoredAuthority> {
  return store.transaction(tenant, async (tx) => {
    await tx.query('select 1 from tenants where name = $1 for update', [tenant]);
    const [row] = await tx.query<{ id: string; certificate: Buffer; sealed: Buffer; not_after: Date }>(
      `select id, certificate, sealed, not_after from authorities where tenant = $1 and not_after > $2
       order by created_at desc, id limit 1`,
      [tenant, validUntil],
    );
    if (row !== undefined) {
      const privateKey = sealer.open(row.sealed, authorityContext(tenant, row.id));
      return { id: row.id, certificate: row.certificate, privateKey, notAfter: row.not_after };
    }
    const made = create();
    await tx.query(
      'insert into authorities (tenant, id, certificate, sealed, key_id, not_after) values ($1, $2, $3, $4, $5, $6)',
      [
        tenant,
        made.id,
        made.certificate,
        sealer.seal(made.privateKey, authorityContext(tenant, made.id)),
        sealer.keyId,
        made.notAfter,
      ],
    );
    return made;
  });
}
