import { BoundedCache } from '../../common/bounded-cache.ts';
import type { PolicySet } from '../resources/kinds.ts';
import { CHANNELS, type Sql, type SqlStore } from '../store/sql-store.ts';
import { type CompiledPolicySet, compilePolicySet } from './compile.ts';
import type { ActiveRevocation } from './facts.ts';
import { loadRevocations } from './revocation-store.ts';
import { RevocationSet } from './revocations.ts';

/** Everything that decides for one tenant, at one moment. */
export interface TenantPolicy {
  readonly policy: CompiledPolicySet;
  readonly revocations: RevocationSet;
}

/** What changed since the state before. */
export interface PolicyChange {
  readonly tenant: string;
  readonly current: TenantPolicy;
  readonly policyChanged: boolean;
  readonly revoked: readonly ActiveRevocation[];
  readonly lifted: readonly ActiveRevocation[];
}

export interface PolicySourceOptions {
  readonly store: SqlStore;
  /** Reads a tenant's resources; undefined when there is no such tenant. */
  readonly load: (tx: Sql, tenant: string) => Promise<PolicySet | undefined>;
  readonly onError: (error: unknown) => void;
}

const MAX_TENANTS = 1_000;
/** Notifications can be lost with a connection; this often the state is compared with the store whatever happens. */
const RECHECK_MS = 30_000;

/**
 * Holds each tenant's compiled policy and revocations in memory, as fresh as the store's notifications. A tenant's
 * state is read in one transaction; a read that fails leaves the tenant without state, so that the next question reads again.
 */
export class PolicySource {
  readonly #options: PolicySourceOptions;
  readonly #states = new BoundedCache<string, TenantPolicy>(MAX_TENANTS);
  /** What was announced last; kept when a state cannot be read, so that the change shows once it can. */
  readonly #announced = new BoundedCache<string, TenantPolicy>(MAX_TENANTS);
  readonly #reading = new Map<string, Promise<TenantPolicy | undefined>>();
  readonly #listeners = new Set<(change: PolicyChange) => void>();
  readonly #stale = new Set<string>();
  #stop: () => Promise<void> = () => Promise.resolve();

  private constructor(options: PolicySourceOptions) {
    this.#options = options;
  }

  static async open(options: PolicySourceOptions): Promise<PolicySource> {
    const source = new PolicySource(options);
    const refreshAll = (): void => source.#refreshAll();
    const stops = [
      await options.store.listen(CHANNELS.policy, (tenant) => source.#refresh(tenant), refreshAll),
      await options.store.listen(CHANNELS.revocation, (text) => source.#refresh(tenantIn(text)), refreshAll),
    ];
    const timer = setInterval(refreshAll, RECHECK_MS);
    timer.unref();
    source.#stop = async () => {
      clearInterval(timer);
      await Promise.all(stops.map((stop) => stop()));
      await Promise.allSettled(source.#reading.values());
    };
    return source;
  }

  /** The tenant's state, or undefined when there is no such tenant. */
  async get(tenant: string): Promise<TenantPolicy | undefined> {
    return this.#states.get(tenant) ?? this.#read(tenant);
  }

  /** What is held in memory right now. */
  peek(tenant: string): TenantPolicy | undefined {
    return this.#states.get(tenant);
  }

  /** Calls `listener` after every change; gives the function that stops it. */
  onChange(listener: (change: PolicyChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#stop();
  }

  #refreshAll(): void {
    const tenants: string[] = [];
    this.#announced.deleteWhere((_state, tenant) => {
      tenants.push(tenant);
      return false;
    });
    for (const tenant of tenants) this.#refresh(tenant);
  }

  #refresh(tenant: string): void {
    // A read under way may have begun before the change: it is followed by another.
    if (this.#reading.has(tenant)) this.#stale.add(tenant);
    else if (this.#announced.get(tenant)) this.#read(tenant).catch(this.#options.onError);
  }

  #read(tenant: string): Promise<TenantPolicy | undefined> {
    const running = this.#reading.get(tenant);
    if (running) return running;
    const reading = this.#load(tenant).finally(() => {
      this.#reading.delete(tenant);
      if (this.#stale.delete(tenant)) this.#refresh(tenant);
    });
    this.#reading.set(tenant, reading);
    return reading;
  }

  async #load(tenant: string): Promise<TenantPolicy | undefined> {
    const before = this.#announced.get(tenant);
    try {
      const read = await this.#options.store.transaction(tenant, async (tx) => {
        const set = await this.#options.load(tx, tenant);
        return set && { set, active: await loadRevocations(tx, tenant) };
      });
      if (!read) {
        this.#states.delete(tenant);
        return undefined;
      }
      const policy = before?.policy.source.version === read.set.version ? before.policy : compilePolicySet(read.set);
      const current = { policy, revocations: new RevocationSet(read.active) };
      this.#states.set(tenant, current);
      this.#announced.set(tenant, current);
      if (before) this.#announce(tenant, before, current);
      return current;
    } catch (error) {
      this.#states.delete(tenant);
      throw error;
    }
  }

  #announce(tenant: string, before: TenantPolicy, current: TenantPolicy): void {
    const revoked = missingIn(before.revocations, current.revocations);
    const lifted = missingIn(current.revocations, before.revocations);
    const policyChanged = before.policy !== current.policy;
    if (!policyChanged && revoked.length === 0 && lifted.length === 0) return;
    for (const listener of this.#listeners) listener({ tenant, current, policyChanged, revoked, lifted });
  }
}

function missingIn(set: RevocationSet, candidates: RevocationSet): ActiveRevocation[] {
  const known = new Set(set.all.map((revocation) => revocation.id));
  return candidates.all.filter((revocation) => !known.has(revocation.id));
}

function tenantIn(payload: string): string {
  try {
    const message: unknown = JSON.parse(payload);
    const tenant = typeof message === 'object' && message !== null && 'tenant' in message ? message.tenant : undefined;
    return typeof tenant === 'string' ? tenant : '';
  } catch {
    return '';
  }
}
