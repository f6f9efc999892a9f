import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import { denial } from '../denial.ts';
import { durationMs } from '../durations.ts';
import { questionFacts } from './question-key.ts';
import type { Validity } from './grant-cache.ts';
import type { DenialAnswer, Question, SessionState } from '../types.ts';

/** True when the grant is for this question and this session and for nothing else (attack A-20). */
export function isBoundTo(grant: Grant, question: Question, session: SessionState): boolean {
  const { binding } = grant;
  const destination = binding?.destination;
  if (binding === undefined || destination === undefined) return false;
  return (
    binding.sessionId === session.id &&
    binding.serverWorkload === question.route.serverWorkload &&
    binding.method === question.method &&
    destination.scheme === question.destination.scheme &&
    destination.host === question.destination.host &&
    destination.port === question.destination.port &&
    (binding.path === '' || binding.path === questionFacts(question).path) &&
    (binding.user === '' || binding.user === session.user)
  );
}

const ENDED =
  'The credential that came has ended by the clock here: compare the clocks of the proxy and the control plane.';

const BARE = 'The grant names a credential and brings none.';

/** Why this grant must not be used, or undefined. */
export function refuseGrant(
  grant: Grant,
  question: Question,
  session: SessionState,
  nowWallMs: number,
): DenialAnswer | undefined {
  if (!isBoundTo(grant, question, session)) return denial('binding-mismatch');
  if (session.notAfter <= nowWallMs) return denial('session-expired');
  if (grant.notAfter !== undefined && grant.notAfter.getTime() <= nowWallMs)
    return denial('credential-unavailable', ENDED);
  if (grant.credentialProvider !== '' && grant.injections.length === 0 && question.dryRun !== true)
    return denial('credential-unavailable', BARE);
  return undefined;
}

/** How long the grant may be reused, or undefined when it serves this call only. */
export function grantValidity(
  grant: Grant,
  session: SessionState,
  nowMonotonicMs: number,
  nowWallMs: number,
): Validity | undefined {
  const leaseMs = durationMs(grant.cacheLease);
  // Without an end, or a policy version to be dropped by, an answer cannot be held.
  if (leaseMs === 0 || grant.maxUses === 1 || grant.policyVersion === 0 || grant.notAfter === undefined)
    return undefined;
  const endMs = Math.min(grant.notAfter.getTime(), session.notAfter) - nowWallMs;
  if (endMs <= 0) return undefined;
  const leaseEndMs = Math.min(leaseMs, endMs);
  const staleEndMs = Math.min(leaseMs + durationMs(grant.failMode?.staleMaxAge), endMs);
  return {
    leaseEndsMonotonicMs: nowMonotonicMs + leaseEndMs,
    leaseEndsWallMs: nowWallMs + leaseEndMs,
    staleEndsMonotonicMs: nowMonotonicMs + staleEndMs,
    staleEndsWallMs: nowWallMs + staleEndMs,
    maxUses: grant.maxUses === 0 ? Number.POSITIVE_INFINITY : grant.maxUses - 1,
  };
}

/** How long a denial may be repeated, or undefined. */
export function denialValidity(leaseMs: number, nowMonotonicMs: number, nowWallMs: number): Validity | undefined {
  if (leaseMs === 0) return undefined;
  const leaseEndsMonotonicMs = nowMonotonicMs + leaseMs;
  const leaseEndsWallMs = nowWallMs + leaseMs;
  return {
    leaseEndsMonotonicMs,
    leaseEndsWallMs,
    staleEndsMonotonicMs: leaseEndsMonotonicMs,
    staleEndsWallMs: leaseEndsWallMs,
    maxUses: Number.POSITIVE_INFINITY,
  };
}
