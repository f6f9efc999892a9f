import { REASONS, type Reason } from '../../proto/reasons.ts';
import type { CompiledPolicySet } from './compile.ts';
import { decide } from './decide.ts';
import type { RequestFacts, SessionFacts } from './facts.ts';
import type { RevocationSet } from './revocations.ts';
import type { Step } from './step.ts';

/** What `sidekey explain` shows: the decision and every step, without anything being minted. */
export interface Explanation {
  readonly outcome: 'allow' | 'deny';
  readonly reason: Reason;
  readonly summary: string;
  readonly nextStep: string;
  readonly policy: string | undefined;
  readonly condition: string | undefined;
  readonly detail: string | undefined;
  readonly serverWorkload: string | undefined;
  readonly credentialProviders: readonly string[];
  readonly leaseSeconds: number;
  readonly steps: readonly Step[];
}

/** Here nobody attested: that the claims make this workload is what the caller supposes. */
function asSupposed(step: Step): Step {
  if (step.check !== 'client-workload' || step.outcome !== 'pass') return step;
  return { ...step, detail: 'supposed, whatever the claims' };
}

/**
 * Decides for a workload by name. Trust and claims are what the caller supposes: without claims, a condition that
 * reads them fails as it would for a session that lacks them.
 */
export function explain(
  set: CompiledPolicySet,
  session: SessionFacts,
  request: RequestFacts,
  revocations: RevocationSet,
  nowMs: number,
): Explanation {
  const decision = decide(set, session, request, revocations, nowMs);
  const { summary, nextStep } = REASONS[decision.reason];
  return {
    outcome: decision.outcome,
    reason: decision.reason,
    summary,
    nextStep,
    policy: decision.policy?.name,
    condition: decision.condition,
    detail: decision.detail,
    serverWorkload: decision.serverWorkload?.name,
    credentialProviders: decision.policy?.spec.credentials.map(({ provider }) => provider) ?? [],
    leaseSeconds: decision.leaseMs / 1_000,
    steps: decision.steps.map(asSupposed),
  };
}
