import type { Revocation } from '../../proto/gen/sidekey/v1/grant.ts';
import type { CertificateAuthority, Snapshot } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { Route } from '../../proto/gen/sidekey/v1/route.ts';
import type { GrantCache } from '../authorize/grant-cache.ts';
import { Listeners } from '../listeners.ts';
import { isSamePolicy, NO_POLICY, type PolicyName } from './policy-name.ts';
import { revokes, standingOfGrant, type RevocationSet } from './revocation-set.ts';
import { RouteVersions } from './route-versions.ts';
import type { PolicyClientLog } from '../types.ts';

export interface PolicyStateOptions {
  readonly tenant: string;
  readonly cache: GrantCache;
  readonly revocations: RevocationSet;
  readonly log: PolicyClientLog;
}

/** Keeps routes, policy version and revocations as the control plane tells them, and the cache true to them. */
export class PolicyState {
  readonly #options: PolicyStateOptions;
  readonly changed: Listeners<undefined>;
  readonly revoked: Listeners<Revocation>;
  readonly authorityIssued: Listeners<CertificateAuthority>;
  routes: readonly Route[] = [];
  readonly routeVersions = new RouteVersions();
  /** Of the last snapshot. */
  policy: PolicyName = NO_POLICY;

  constructor(options: PolicyStateOptions) {
    this.#options = options;
    this.changed = new Listeners(options.log);
    this.revoked = new Listeners(options.log);
    this.authorityIssued = new Listeners(options.log);
  }

  takeSnapshot(snapshot: Snapshot): void {
    const { cache, revocations } = this.#options;
    const { policyChange, policyVersion } = snapshot;
    const policy = { policyChange, policyVersion };
    // A lower version is another policy as well, and so is the same one by another change: a control plane restored from a backup.
    cache.dropGrants((grant) => !isSamePolicy(grant, policy));
    this.policy = policy;
    this.routes = Object.freeze([...snapshot.routes]);
    this.routeVersions.take(this.routes, policy);
    const known = new Set(revocations.list().map(({ id }) => id));
    revocations.replace(snapshot.revocations);
    if (snapshot.certificateAuthority !== undefined) this.authorityIssued.tell(snapshot.certificateAuthority);
    // Those that were missed while the link was down end grants and connections now; lifted ones free denials.
    cache.dropDenials();
    for (const revocation of snapshot.revocations) if (!known.has(revocation.id)) this.#carryOut(revocation);
  }

  takeRevocation(revocation: Revocation): void {
    this.#options.revocations.apply(revocation);
    this.#options.cache.dropDenials();
    this.#carryOut(revocation);
  }

  #carryOut(revocation: Revocation): void {
    if (revocation.lifted) return;
    const { cache, revocations, tenant } = this.#options;
    if (revocations.overflowed) cache.clear();
    else cache.dropGrants((grant) => revokes(revocation, standingOfGrant(grant, tenant)));
    this.revoked.tell(revocation);
  }

  /** 0 before the first snapshot. */
  get version(): number {
    return this.policy.policyVersion;
  }
}
