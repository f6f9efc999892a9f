import { describeError } from '../../common/errors.ts';
import type { CompiledPolicy } from './compile.ts';
import type { RequestFacts, SessionFacts } from './facts.ts';
import { type Specificity, specificityOf } from './specificity.ts';
import type { Step } from './step.ts';

/** How specifically a policy covers a call, or undefined when none of its rules does. */
export function covers(
  policy: CompiledPolicy,
  request: Pick<RequestFacts, 'method' | 'path'>,
): Specificity | undefined {
  if (!policy.rules) return specificityOf(policy.spec, []);
  const covering: { pattern: string | undefined; methods: boolean }[] = [];
  for (const rule of policy.rules) {
    if (rule.methods && !rule.methods.has(request.method)) continue;
    const methods = rule.methods !== undefined;
    if (!rule.paths) covering.push({ pattern: undefined, methods });
    for (const path of rule.paths ?? []) {
      if (path.matches(request.path)) covering.push({ pattern: path.pattern, methods });
    }
  }
  return covering.length === 0 ? undefined : specificityOf(policy.spec, covering);
}

/** The first trust provider that the policy asks for and the session lacks. */
export function missingTrust(policy: CompiledPolicy, session: Pick<SessionFacts, 'trust'>): string | undefined {
  return policy.spec.trust.find((name) => !session.trust.includes(name));
}

interface ConditionQuestion {
  readonly session: SessionFacts;
  readonly request: RequestFacts;
  readonly nowMs: number;
  readonly steps: Step[];
}

export interface FailedCondition {
  readonly name: string;
  readonly reason: 'condition-failed' | 'condition-error';
}

/** The first condition that does not hold. One that cannot be evaluated is an error, which is never a pass. */
export function checkConditions(policy: CompiledPolicy, question: ConditionQuestion): FailedCondition | undefined {
  const { session, request, nowMs, steps } = question;
  for (const { name, outcome } of policy.conditions) {
    const step = (result: Step['outcome'], detail: string): void => {
      steps.push({ check: 'condition', name, outcome: result, detail });
    };
    if ('broken' in outcome) {
      step('fail', outcome.broken);
      return { name, reason: 'condition-error' };
    }
    try {
      if (!outcome.condition.holds(session, request, nowMs)) {
        step('fail', 'does not hold');
        return { name, reason: 'condition-failed' };
      }
    } catch (error) {
      step('fail', describeError(error));
      return { name, reason: 'condition-error' };
    }
    step('pass', 'holds');
  }
  return undefined;
}
