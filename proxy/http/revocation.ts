import type { SessionState } from '../../policy-client/index.ts';
import {
  revocationReason,
  revokes,
  standingOfGrant,
  standingOfSession,
} from '../../policy-client/watch/revocation-set.ts';
import { type Grant, type Revocation, RevocationTarget } from '../../proto/gen/sidekey/v1/grant.ts';
import type { LiveExchange } from './services.ts';

const NARROW_TARGETS = new Set<number>([
  RevocationTarget.REVOCATION_TARGET_POLICY,
  RevocationTarget.REVOCATION_TARGET_CREDENTIAL,
]);

/**
 * Cuts every running call whose grant the revocation ends, and all of them where it ends the session, whose workloads are those of its
 * attestation: grants may name others by now. A target of a newer control plane ends them all.
 */
export function cutRevoked(
  live: Iterable<LiveExchange>,
  revocation: Revocation,
  tenant: string,
  session: SessionState | undefined,
): void {
  const reason = revocationReason(revocation.target);
  const endsSession = session !== undefined && revokes(revocation, standingOfSession(session, tenant));
  for (const exchange of live) {
    if (endsSession || concerns(revocation, exchange.standing.grant, exchange.call.grant, tenant)) exchange.cut(reason);
  }
}

/** A call stands on the last grant that it was given, but its upstream knows it by what the first one injected. */
function concerns(
  revocation: Revocation,
  grant: Grant | undefined,
  injected: Grant | undefined,
  tenant: string,
): boolean {
  // What goes on without a grant is this proxy's all the same: only the narrow targets leave it alone.
  if (grant === undefined) return !NARROW_TARGETS.has(revocation.target);
  const credentialProviders = [...grant.credentialProviders, ...(injected?.credentialProviders ?? [])];
  return revokes(revocation, { ...standingOfGrant(grant, tenant), credentialProviders });
}
