import { createPrivateKey, randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { PromiseCache } from '../../common/promise-cache.ts';
import { Secret } from '../../common/secret.ts';
import { createRootAuthority, issueIntermediate, type SigningAuthority } from '../../common/x509/authority.ts';
import type { CertificateAuthority } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { Route } from '../../proto/gen/sidekey/v1/route.ts';
import { authorityContext } from '../store/sealed-secrets.ts';
import type { Sealer } from '../store/sealing.ts';
import type { Sql, SqlStore } from '../store/sql-store.ts';

interface Row {
  readonly id: string;
  readonly certificate: Buffer;
  readonly sealed: Buffer;
}

export interface TenantAuthoritiesOptions {
  readonly store: SqlStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

const INTERMEDIATE_LIFETIME_MS = 6 * 3_600_000;
const ROOT_LIFETIME_MS = 3650 * 86_400_000;

/** One root for each tenant, its key sealed at rest, and hours-lived intermediates under it for proxies' keys. */
export class TenantAuthorities {
  readonly #options: TenantAuthoritiesOptions;
  readonly #roots = new PromiseCache<string, SigningAuthority>(1_000);

  constructor(options: TenantAuthoritiesOptions) {
    this.#options = options;
  }

  /** An intermediate for a proxy's key, name-constrained to the hosts of its routes; undefined when it has none. */
  async issue(
    tenant: string,
    proxyKey: Uint8Array,
    routes: readonly Route[],
  ): Promise<CertificateAuthority | undefined> {
    const permittedHosts = [...new Set(routes.flatMap((route) => route.hosts))].sort();
    if (permittedHosts.length === 0) return undefined;
    const root = await this.root(tenant);
    const now = this.#options.clock.now();
    const notAfter = now + INTERMEDIATE_LIFETIME_MS;
    const intermediate = issueIntermediate(root, { publicKey: proxyKey, permittedHosts, now, notAfter });
    return { chain: [intermediate, root.certificateDer], notAfter: new Date(notAfter), permittedHosts };
  }

  /** The tenant's root, made at the first question. */
  root(tenant: string): Promise<SigningAuthority> {
    return this.#roots.getOrMake(tenant, () => this.#open(tenant));
  }

  /** Of a tenant that is gone, or of all. */
  forget(tenant?: string): void {
    this.#roots.forget(tenant);
  }

  async #open(tenant: string): Promise<SigningAuthority> {
    return this.#options.store.transaction(tenant, async (tx) => {
      // Two replicas may ask at once: one waits for the other.
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`sidekey root ${tenant}`]);
      return (await this.#read(tx, tenant)) ?? this.#create(tx, tenant);
    });
  }

  async #read(tx: Sql, tenant: string): Promise<SigningAuthority | undefined> {
    const [row] = await tx.query<Row>(
      'select id, certificate, sealed from authorities where tenant = $1 and not_after > $2 order by created_at desc limit 1',
      [tenant, new Date(this.#options.clock.now() + INTERMEDIATE_LIFETIME_MS)],
    );
    if (row === undefined) return undefined;
    const key = this.#options.sealer.open(row.sealed, authorityContext(tenant, row.id));
    return {
      certificateDer: row.certificate,
      key: createPrivateKey({ key: key.revealBytes(), format: 'der', type: 'pkcs8' }),
    };
  }

  async #create(tx: Sql, tenant: string): Promise<SigningAuthority> {
    const { sealer, clock } = this.#options;
    const now = clock.now();
    const root = createRootAuthority(`Sidekey root of ${tenant}`, { now, lifetimeMs: ROOT_LIFETIME_MS });
    const id = randomUUID();
    const key = new Secret(root.key.export({ format: 'der', type: 'pkcs8' }));
    await tx.query(
      'insert into authorities (tenant, id, certificate, sealed, key_id, not_after) values ($1, $2, $3, $4, $5, $6)',
      [
        tenant,
        id,
        root.certificateDer,
        sealer.seal(key, authorityContext(tenant, id)),
        sealer.keyId,
        new Date(now + ROOT_LIFETIME_MS),
      ],
    );
    return root;
  }
}
