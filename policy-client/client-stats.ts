import type { Reason } from '../proto/reasons.ts';
import type { Authorizer } from './authorize/authorizer.ts';
import type { DecisionReporting } from './records/decision-reporting.ts';
import type { GrantCache } from './authorize/grant-cache.ts';
import type { PolicyState } from './watch/policy-state.ts';
import type { RevocationSet } from './watch/revocation-set.ts';
import type { SessionKeeper } from './attest/session-keeper.ts';
import type { PolicyClientStats } from './types.ts';
import type { Watcher } from './watch/watcher.ts';

export interface StatsSources {
  readonly authorizer: Authorizer;
  readonly cache: GrantCache;
  readonly decisions: DecisionReporting;
  readonly policy: PolicyState;
  readonly revocations: RevocationSet;
  readonly sessions: SessionKeeper;
  readonly watcher: Watcher;
}

/** The figures of all parts at this moment. */
export function gatherStats(
  { authorizer, cache, decisions, policy, revocations, sessions, watcher }: StatsSources,
  connected: boolean,
  lastFailure: Reason | undefined,
): PolicyClientStats {
  return {
    connected,
    attestations: sessions.attestations,
    attestationFailures: sessions.failures,
    reconnects: watcher.reconnects,
    policyVersion: policy.version,
    activeRevocations: revocations.size,
    cachedAnswers: cache.size,
    cacheHits: authorizer.hits,
    cacheMisses: authorizer.misses,
    staleHits: authorizer.staleHits,
    pendingQuestions: authorizer.pending,
    questionsAsked: authorizer.asked,
    questionTimeouts: authorizer.timeouts,
    ...decisions.stats(),
    lastFailure,
  };
}
