import { systemClock } from '../common/clock.ts';
import type { Revocation } from '../proto/gen/sidekey/v1/grant.ts';
import type { Snapshot } from '../proto/gen/sidekey/v1/proxy.ts';
import type { Reason } from '../proto/reasons.ts';
import { createAttestor } from './attest/attestor.ts';
import { ProofMaker } from './attest/proof.ts';
import type { Session } from './attest/session.ts';
import { SessionKeeper } from './attest/session-keeper.ts';
import { Authorizer } from './authorize/authorizer.ts';
import { AuthorizerLink } from './authorize/authorizer-link.ts';
import { GrantCache } from './authorize/grant-cache.ts';
import { Backoff } from './backoff.ts';
import type { StatsSources } from './client-stats.ts';
import { Connection } from './connection.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { DecisionReporting, spoolOf } from './records/decision-reporting.ts';
import type { PolicyClientLog, PolicyClientOptions } from './types.ts';
import { PolicyState } from './watch/policy-state.ts';
import { RevocationSet } from './watch/revocation-set.ts';
import { StillnessWatch } from './watch/stillness.ts';
import { Watcher } from './watch/watcher.ts';

/** What one part sees and others have to hear of. */
export interface ClientEvents {
  readonly onSession: (session: Session) => void;
  readonly onSessionLost: (reason: Reason) => void;
  /** An attempt to attest failed, whether or not a session is still held. */
  readonly onAttestFailed: (reason: Reason) => void;
  readonly onSnapshot: (session: Session, snapshot: Snapshot) => void;
  readonly onRevocation: (revocation: Revocation) => void;
  readonly onDown: (reason: Reason) => void;
  readonly onResumed: (stillMs: number) => void;
  /** Whether events come from the control plane. */
  readonly isHeard: () => boolean;
  /** Why nothing came of the last attempt; undefined once one succeeded. */
  readonly lastFailure: () => Reason | undefined;
}

export interface ClientParts extends StatsSources {
  readonly proofs: ProofMaker;
  readonly connection: Connection;
  readonly authorizerLink: AuthorizerLink;
  readonly sessionBackoff: Backoff;
  readonly stillness: StillnessWatch;
}

/** Makes the parts of a client, none of which is started. */
export function createParts(
  options: PolicyClientOptions & { readonly log: PolicyClientLog },
  instanceId: string,
  events: ClientEvents,
): ClientParts {
  const { tenant, log, clock = systemClock } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const nowMs = () => clock.now();
  // A held clock holds both; else leases also run on a clock that nobody can set back.
  const monotonicMs = options.clock === undefined ? () => performance.now() : nowMs;
  const newBackoff = () => new Backoff(limits.minBackoffMs, limits.maxBackoffMs);
  const { onSession, onSessionLost: onLost, onAttestFailed: onFailure } = events;
  const { onSnapshot, onRevocation, onDown, onResumed, isHeard, lastFailure } = events;
  const proofs = new ProofMaker();
  const connection = new Connection(options);
  const cache = new GrantCache(limits.maxCachedAnswers);
  const revocations = new RevocationSet(limits.maxRevocations);
  const policy = new PolicyState({ tenant, cache, revocations, log });
  const attesting = { ownId: instanceId, timeoutMs: limits.attestTimeoutMs, isHeard };
  const attestAs = createAttestor({ connection, proofs, options, ...attesting });
  const attest = () => attestAs(instanceId);
  const sessionBackoff = newBackoff();
  const sessions = new SessionKeeper({ attest, nowMs, backoff: sessionBackoff, log, onSession, onLost, onFailure });
  const onSessionRefused = (session: Session, reason: Reason) => sessions.invalidate(session, reason);
  const shared = { connection, proofs, nowMs, monotonicMs, log, limits, newBackoff, onSessionRefused };
  const authorizer = new Authorizer({
    ...shared,
    tenant,
    cache,
    revocations,
    policy: () => policy.policy,
    routeVersions: policy.routeVersions,
    downReason: () => lastFailure() ?? (policy.version === 0 ? 'not-ready' : 'control-plane-unavailable'),
  });
  const watcher = new Watcher({
    ...shared,
    backoff: newBackoff(),
    heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
    knownVersion: () => policy.version,
    onSnapshot,
    onRevocation,
    onDown,
  });
  return {
    proofs,
    connection,
    cache,
    revocations,
    policy,
    sessionBackoff,
    sessions,
    watcher,
    authorizer,
    authorizerLink: new AuthorizerLink({ ...shared, authorizer, backoff: newBackoff() }),
    decisions: new DecisionReporting({ ...shared, instanceId, spoolDir: spoolOf(options), attestAs }),
    stillness: new StillnessWatch({ maxStillMs: limits.maxStillMs, nowMs, monotonicMs, onResumed }),
  };
}
