import type { Secret } from '../../common/secret.ts';
import { openSecret } from '../store/sealed-secrets.ts';
import { type Sealer, SealingError } from '../store/sealing.ts';
import { CHANNELS, enterTenant, notifyFrom, type Sql, type SqlStore } from '../store/sql-store.ts';
import { applyToTenant, type Change, changeOf, type TenantChanges } from './apply.ts';
import type { ResourceCheck } from './check-set.ts';
import type { Kind, PolicySet, Resource } from './kinds.ts';
import { ResourceError } from './resource-error.ts';
import { loadPolicySet, readResources, readTenants, writeTenant } from './resource-rows.ts';
import { bindingOf, isBoundSo } from './secret-binding.ts';
import { type SecretField, secretName } from './secret-fields.ts';

export type { Change } from './apply.ts';

export interface ApplyOptions {
  /** Deletes the tenant's resources that are not among the documents, save those labelled `sidekey.dev/prune: never`. Tenants themselves are never pruned. */
  readonly prune?: boolean;
  /** Does all the work, checks included, and takes it back. */
  readonly dryRun?: boolean;
}

export interface ApplyResult extends TenantChanges {
  readonly dryRun: boolean;
}

const FOREIGN_KEY_VIOLATION = '23503';

/** Carries a dry run's result out of the transaction that it rolls back. */
class DryRun extends Error {
  readonly result: ApplyResult;

  constructor(result: ApplyResult) {
    super('dry run');
    this.result = result;
  }
}

/** Resources of all tenants. Every change is one transaction, and is announced on the policy channel when it commits. */
export class ResourceStore {
  readonly #store: SqlStore;
  readonly #sealer: Sealer;
  readonly #check: ResourceCheck | undefined;

  constructor(store: SqlStore, sealer: Sealer, check?: ResourceCheck) {
    this.#store = store;
    this.#sealer = sealer;
    this.#check = check;
  }

  /** Makes the tenant's resources what the documents say. Throws ResourceError, and then nothing has changed. */
  async apply(tenant: string, resources: readonly Resource[], options: ApplyOptions = {}): Promise<ApplyResult> {
    const tenants = resources.filter((resource) => resource.kind === 'Tenant');
    const others = resources.filter((resource) => resource.kind !== 'Tenant');
    const run = async (tx: Sql): Promise<ApplyResult> => {
      const tenantChanges = await applyTenants(tx, tenants);
      if (tenants.length > 0) await enterTenant(tx, tenant);
      const { changes, ...rest } = await applyToTenant(tx, {
        tenant,
        sealer: this.#sealer,
        check: this.#check,
        resources: others,
        prune: options.prune === true,
        remove: undefined,
      });
      const result = { changes: [...tenantChanges, ...changes], ...rest, dryRun: options.dryRun === true };
      if (options.dryRun === true) throw new DryRun(result);
      return result;
    };
    try {
      return await (tenants.length > 0 ? this.#store.system(run) : this.#store.transaction(tenant, run));
    } catch (error) {
      if (error instanceof DryRun) return error.result;
      throw error;
    }
  }

  /** Deletes one resource. Throws ResourceError when it does not exist or another refers to it. */
  async delete(tenant: string, kind: Kind, name: string): Promise<void> {
    if (kind === 'Tenant') return this.#deleteTenant(name);
    await this.#store.transaction(tenant, (tx) =>
      applyToTenant(tx, {
        tenant,
        sealer: this.#sealer,
        check: undefined,
        resources: [],
        prune: false,
        remove: { kind, name },
      }),
    );
  }

  /** Resources of one kind or all, secrets as `{sealed: true}`. Of tenants, a tenant sees itself only. */
  list(tenant: string, kind?: Kind): Promise<Resource[]> {
    return this.#store.transaction(tenant, async (tx) =>
      kind === 'Tenant' ? readTenants(tx) : readResources(tx, tenant, kind),
    );
  }

  listTenants(): Promise<Resource[]> {
    return this.#store.system(readTenants);
  }

  /** Throws ResourceError `tenant-unknown`. */
  loadPolicySet(tenant: string): Promise<PolicySet> {
    return this.#store.transaction(tenant, (tx) => loadPolicySet(tx, tenant));
  }

  /**
   * The sealed value of a credential provider's field, or undefined. Throws SealingError when it was sealed for something
   * else than what this policy says, whoever changed that.
   */
  async openSecret(policy: PolicySet, provider: string, field: SecretField['field']): Promise<Secret | undefined> {
    const { tenant } = policy;
    const spec = policy.credentialProviders.get(provider);
    const name = secretName(provider, field);
    const opened = await this.#store.transaction(tenant, (tx) => openSecret(tx, this.#sealer, tenant, name));
    if (spec === undefined || opened === undefined) return undefined;
    if (isBoundSo(opened.boundTo, bindingOf(spec, policy))) return opened.value;
    throw new SealingError(
      'sealed-otherwise',
      `the secret of CredentialProvider "${provider}" is not bound to what is stored now: apply the provider with its value`,
    );
  }

  /** Only an empty tenant goes: decisions are kept, and keep theirs. */
  async #deleteTenant(name: string): Promise<void> {
    if (name === 'default') throw new ResourceError('tenant-in-use', 'the default tenant stays');
    try {
      await this.#store.system(async (tx) => {
        // First, as whoever changes its resources does: neither is to hold what the other comes to.
        await tx.query('select 1 from tenants where name = $1 for update', [name]);
        // What was made for it and is nothing without it. Should the tenant stay, so does this.
        for (const table of ['sealed_secrets', 'authorities', 'revocations']) {
          await tx.query(`delete from ${table} where tenant = $1`, [name]);
        }
        await tx.query('delete from decision_heads where tenant = $1 and sequence = 0', [name]);
        const deleted = await tx.query('delete from tenants where name = $1 returning name', [name]);
        if (deleted.length === 0) throw new ResourceError('resource-unknown', `there is no Tenant "${name}"`);
        await notifyFrom(tx, CHANNELS.policy, name);
        await notifyFrom(tx, CHANNELS.tenantGone, name);
      });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === FOREIGN_KEY_VIOLATION) {
        throw new ResourceError('tenant-in-use', `the tenant "${name}" still has resources, sessions or decisions`);
      }
      throw error;
    }
  }
}

async function applyTenants(tx: Sql, tenants: readonly Resource[]): Promise<Change[]> {
  if (tenants.length === 0) return [];
  const wanted = new Set(tenants.map(({ metadata }) => metadata.name));
  // As of other resources, what cannot be read any more can be replaced.
  const standing = await readTenants(tx, (name) => wanted.has(name));
  const existing = new Map(standing.map((resource) => [resource.metadata.name, resource]));
  const changes: Change[] = [];
  for (const resource of tenants) {
    const change = changeOf(existing.get(resource.metadata.name), resource);
    if (change.action !== 'unchanged') await writeTenant(tx, resource);
    changes.push(change);
  }
  return changes;
}
