import type { Reason } from '../../proto/reasons.ts';
import { RevocationTarget, type Grant, type Revocation } from '../../proto/gen/sidekey/v1/grant.ts';
import type { SessionState } from '../types.ts';

const REASON_BY_TARGET = new Map<number, Reason>([
  [RevocationTarget.REVOCATION_TARGET_WORKLOAD, 'workload-revoked'],
  [RevocationTarget.REVOCATION_TARGET_POLICY, 'policy-revoked'],
  [RevocationTarget.REVOCATION_TARGET_CREDENTIAL, 'credential-revoked'],
  [RevocationTarget.REVOCATION_TARGET_USER, 'user-revoked'],
  [RevocationTarget.REVOCATION_TARGET_SESSION, 'session-revoked'],
  [RevocationTarget.REVOCATION_TARGET_TENANT, 'tenant-revoked'],
]);

/** Whom and what a grant or session rests on. */
export interface Standing {
  readonly tenant: string;
  readonly sessionId: string;
  readonly workloads: readonly string[];
  readonly user: string | undefined;
  readonly accessPolicy?: string;
  readonly credentialProviders?: readonly string[];
}

/** What everything of a session rests on. */
export function standingOfSession({ id: sessionId, workloads, user }: SessionState, tenant: string): Standing {
  return { tenant, sessionId, workloads, user };
}

/** What the grant rests on, from its own binding. */
export function standingOfGrant(grant: Grant, tenant: string): Standing {
  return {
    tenant,
    sessionId: grant.binding?.sessionId ?? '',
    workloads: grant.binding?.workloads ?? [],
    user: grant.binding?.user || undefined,
    accessPolicy: grant.accessPolicy,
    credentialProviders: grant.credentialProviders,
  };
}

/** The reason that a revocation gives. A target of a newer control plane revokes everything. */
export function revocationReason(target: number): Reason {
  return REASON_BY_TARGET.get(target) ?? 'tenant-revoked';
}

/** True when the revocation ends what rests on this standing. */
export function revokes(revocation: Revocation, standing: Standing): boolean {
  const { name } = revocation;
  switch (revocation.target) {
    case RevocationTarget.REVOCATION_TARGET_WORKLOAD:
      return standing.workloads.includes(name);
    case RevocationTarget.REVOCATION_TARGET_POLICY:
      return standing.accessPolicy === name;
    case RevocationTarget.REVOCATION_TARGET_CREDENTIAL:
      return standing.credentialProviders?.includes(name) === true;
    case RevocationTarget.REVOCATION_TARGET_USER:
      return standing.user === name;
    case RevocationTarget.REVOCATION_TARGET_SESSION:
      return standing.sessionId === name;
    case RevocationTarget.REVOCATION_TARGET_TENANT:
      return standing.tenant === name;
    default:
      return true;
  }
}

/** Revocations in force, bounded. When more come than fit, `overflowed` says that the set can no longer clear anyone. */
export class RevocationSet {
  readonly #active = new Map<string, Revocation>();
  readonly #maxEntries: number;
  #overflowed = false;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#active.size;
  }

  get overflowed(): boolean {
    return this.#overflowed;
  }

  list(): Revocation[] {
    return [...this.#active.values()];
  }

  /** Takes a snapshot's list in place of what was held. */
  replace(revocations: readonly Revocation[]): void {
    this.#active.clear();
    this.#overflowed = false;
    for (const revocation of revocations) this.apply(revocation);
  }

  apply(revocation: Revocation): void {
    const key = `${revocation.target} ${revocation.name}`;
    if (revocation.lifted) {
      this.#active.delete(key);
      return;
    }
    if (!this.#active.has(key) && this.#active.size >= this.#maxEntries) this.#overflowed = true;
    else this.#active.set(key, revocation);
  }

  /** Why this standing is revoked, or undefined. */
  find(standing: Standing): Reason | undefined {
    if (this.#overflowed) return 'overloaded';
    if (this.#active.size === 0) return undefined;
    for (const revocation of this.#active.values()) {
      if (revokes(revocation, standing)) return revocationReason(revocation.target);
    }
    return undefined;
  }
}
