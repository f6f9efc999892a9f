import { createHmac, randomBytes } from 'node:crypto';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { holdPromise } from '../../common/hold-promise.ts';
import { Secret } from '../../common/secret.ts';
import { openSecret, putSecret } from '../store/sealed-secrets.ts';
import type { Sealer } from '../store/sealing.ts';
import type { SqlStore } from '../store/sql-store.ts';
import type { PlaceholderOf } from '../policy/placeholders.ts';

const SECRET_NAME = 'placeholder-key';
const KEY_BYTES = 32;

/**
 * The key of each tenant from which its placeholders are made, sealed at rest. A placeholder is an HMAC over workload and
 * credential provider: always the same for the two, so that it can stand in an environment, and not to be guessed for another.
 */
export class PlaceholderKeys {
  readonly #store: SqlStore;
  readonly #sealer: Sealer;
  readonly #keys = new BoundedCache<string, Promise<PlaceholderOf>>(1_000);

  constructor(store: SqlStore, sealer: Sealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /** The tenant's placeholders; its key is made at the first question. */
  for(tenant: string): Promise<PlaceholderOf> {
    return holdPromise(this.#keys, tenant, async () => derivingFrom(await this.#open(tenant)));
  }

  /** Of a tenant that is gone, or of all. */
  forget(tenant?: string): void {
    if (tenant === undefined) this.#keys.clear();
    else this.#keys.delete(tenant);
  }

  async #open(tenant: string): Promise<Secret> {
    return this.#store.transaction(tenant, async (tx) => {
      // Two replicas may ask at once: one waits for the other.
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`sidekey placeholders ${tenant}`]);
      const known = await openSecret(tx, this.#sealer, tenant, SECRET_NAME);
      if (known !== undefined) return known.value;
      const key = new Secret(randomBytes(KEY_BYTES));
      await putSecret(tx, this.#sealer, tenant, SECRET_NAME, { value: key, boundTo: '' });
      return key;
    });
  }
}

/** `sk_placeholder_` and 256 bits in base64url. */
export function derivingFrom(key: Secret): PlaceholderOf {
  return (workload, provider) => {
    const mac = createHmac('sha256', key.revealBytes()).update(JSON.stringify([workload, provider]));
    return `sk_placeholder_${mac.digest('base64url')}`;
  };
}
