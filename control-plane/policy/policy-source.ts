import { BoundedCache } from '../../common/bounded-cache.ts';
import type { PolicySet } from '../resources/kinds.ts';
import { CHANNELS, type Sql, type SqlStore } from '../store/sql-store.ts';
import { type CompiledPolicySet, compilePolicySet } from './compile.ts';
import type { ActiveRevocation } from './facts.ts';
import { findLost, loadRevocations } from './revocation-store.ts';
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
  /** Tenants held without a watch; default 1,000. */
  readonly maxTenants?: number;
}

interface Held {
  /** What was announced last; kept when a newer state cannot be read, so that the change shows once it can. */
  readonly announced: TenantPolicy;
  /** Whether it may answer. */
  readonly current: boolean;
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
  /** Tenants that nobody watches. One that drops out is read again by the next question. */
  readonly #unwatched: BoundedCache<string, Held>;
  /** Tenants with a watch never drop out: their proxies would no longer hear of revocations. */
  readonly #watched = new Map<string, { count: number; held: Held | undefined }>();
  readonly #reading = new Map<string, Promise<TenantPolicy | undefined>>();
  readonly #listeners = new Set<(change: PolicyChange) => void>();
  readonly #stale = new Set<string>();
  #looking: Promise<void> = Promise.resolve();
  #stop: () => Promise<void> = () => Promise.resolve();

  private constructor(options: PolicySourceOptions) {
    this.#options = options;
    this.#unwatched = new BoundedCache(options.maxTenants ?? MAX_TENANTS);
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
      await source.#looking;
    };
    return source;
  }

  /** The tenant's state, or undefined when there is no such tenant. */
  async get(tenant: string): Promise<TenantPolicy | undefined> {
    return this.peek(tenant) ?? this.#read(tenant);
  }

  /** What is held in memory right now. */
  peek(tenant: string): TenantPolicy | undefined {
    const held = this.#find(tenant);
    return held?.current === true ? held.announced : undefined;
  }

  /** Tenants in memory. */
  get heldCount(): number {
    return this.#watched.size + this.#unwatched.size;
  }

  /** Calls `listener` after every change of one tenant, which stays in memory until the function given back is called. */
  watch(tenant: string, listener: (change: PolicyChange) => void): () => void {
    const watched = this.#watched.get(tenant) ?? { count: 0, held: this.#unwatched.get(tenant) };
    watched.count += 1;
    this.#watched.set(tenant, watched);
    this.#unwatched.delete(tenant);
    const stop = this.onChange((change) => {
      if (change.tenant === tenant) listener(change);
    });
    let stopped = false;
    return () => {
      if (stopped) return;
      stopped = true;
      stop();
      watched.count -= 1;
      if (watched.count > 0) return;
      this.#watched.delete(tenant);
      if (watched.held) this.#unwatched.set(tenant, watched.held);
    };
  }

  /** Calls `listener` after every change of a tenant in memory; gives the function that stops it. */
  onChange(listener: (change: PolicyChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#stop();
  }

  #refreshAll(): void {
    for (const tenant of [...this.#watched.keys(), ...this.#unwatched.keys()]) this.#refresh(tenant);
  }

  #refresh(tenant: string): void {
    // A read under way may have begun before the change: it is followed by another.
    if (this.#reading.has(tenant)) this.#stale.add(tenant);
    else if (this.#watched.has(tenant) || this.#unwatched.get(tenant)) this.#read(tenant).catch(this.#options.onError);
  }

  #find(tenant: string): Held | undefined {
    return this.#watched.get(tenant)?.held ?? this.#unwatched.get(tenant);
  }

  #keep(tenant: string, held: Held): void {
    const watched = this.#watched.get(tenant);
    if (watched) watched.held = held;
    else this.#unwatched.set(tenant, held);
  }

  /** Until it is read again. */
  #outdate(tenant: string): void {
    const held = this.#find(tenant);
    if (held) this.#keep(tenant, { ...held, current: false });
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
    const before = this.#find(tenant)?.announced;
    try {
      const read = await this.#options.store.transaction(tenant, async (tx) => {
        const set = await this.#options.load(tx, tenant);
        return set && { set, active: await loadRevocations(tx, tenant) };
      });
      if (!read) {
        this.#outdate(tenant);
        return undefined;
      }
      const was = before?.policy.source;
      const isSame = was !== undefined && was.change === read.set.change;
      const policy = before !== undefined && isSame ? before.policy : compilePolicySet(read.set);
      if (was !== undefined && !isSame && read.set.version <= was.version)
        this.#options.onError(wentBack(tenant, was.version, read.set.version));
      const current = { policy, revocations: new RevocationSet(read.active) };
      this.#keep(tenant, { announced: current, current: true });
      if (before) this.#announce(tenant, before, current);
      return current;
    } catch (error) {
      this.#outdate(tenant);
      throw error;
    }
  }

  #announce(tenant: string, before: TenantPolicy, current: TenantPolicy): void {
    const revoked = missingIn(before.revocations, current.revocations);
    const lifted = missingIn(current.revocations, before.revocations);
    const policyChanged = before.policy !== current.policy;
    if (!policyChanged && revoked.length === 0 && lifted.length === 0) return;
    for (const listener of this.#listeners) listener({ tenant, current, policyChanged, revoked, lifted });
    if (lifted.length > 0) this.#looking = this.#looking.then(() => this.#tellLost(tenant, lifted));
  }

  /** Beside reading, which the next revocation waits for. */
  async #tellLost(tenant: string, gone: readonly ActiveRevocation[]): Promise<void> {
    try {
      const lost = await this.#options.store.transaction(tenant, (tx) => findLost(tx, tenant, gone));
      if (lost.length > 0) this.#options.onError(unrevoked(tenant, lost));
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function wentBack(tenant: string, was: number, is: number): Error {
  const loss = 'the database lost its last changes, or the tenant was made anew';
  const what = is < was ? `went from version ${was} back to ${is}` : `is another one of the same version ${is}`;
  return new Error(`the policy of tenant "${tenant}" ${what}: ${loss}; see what is still revoked`);
}

function unrevoked(tenant: string, lost: readonly ActiveRevocation[]): Error {
  const names = lost.map(({ target, name }) => `${target} ${name}`).join(', ');
  return new Error(
    `the database has lost revocations of tenant "${tenant}", which nobody lifted: revoke again ${names}`,
  );
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
