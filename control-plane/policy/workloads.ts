import { type Budget, isSpent, newBudget } from './budget.ts';
import { CelError } from './cel-error.ts';
import type { CompiledPolicySet } from './compile.ts';
import type { SessionFacts } from './facts.ts';
import { matchesSelectors, SelectorError } from './selectors.ts';

/**
 * Some of the client workloads that a session is; `unknown` where it cannot be told whether it is one that a policy denies, or what
 * it is within the steps of one question.
 */
export type Matched = readonly string[] | 'unknown';

type Attested = Omit<SessionFacts, 'workloads'>;

/**
 * Names of the client workloads that a session's claims match, in alphabetical order. A condition that fails to evaluate
 * does not match. None, where that is `unknown`.
 */
export function matchWorkloads(set: CompiledPolicySet, session: Attested, nowMs: number): string[] {
  return namesOf(matchLasting(set, session), matchTimed(set, session, nowMs));
}

export function namesOf(lasting: Matched, timed: Matched): string[] {
  return lasting === 'unknown' || timed === 'unknown' ? [] : [...lasting, ...timed].sort();
}

/** Of the client workloads whose conditions do not read the clock: the same for as long as the policy is. */
export function matchLasting(set: CompiledPolicySet, session: Attested, budget = newBudget()): Matched {
  return matchAmong(set, set.lastingClients, { session, nowMs: 0, budget });
}

export function matchTimed(set: CompiledPolicySet, session: Attested, nowMs: number, budget = newBudget()): Matched {
  return matchAmong(set, set.timedClients, { session, nowMs, budget });
}

interface Asked {
  readonly session: Attested;
  readonly nowMs: number;
  readonly budget: Budget;
}

function matchAmong(set: CompiledPolicySet, among: readonly string[], asked: Asked): Matched {
  const names: string[] = [];
  for (const name of among) {
    const found = matches(set, name, asked);
    if (isSpent(asked.budget)) return 'unknown';
    if (found === 'unknown' && isDenied(set, name)) return 'unknown';
    if (found === true) names.push(name);
  }
  return names;
}

function matches(set: CompiledPolicySet, name: string, { session, nowMs, budget }: Asked): boolean | 'unknown' {
  const spec = set.source.clientWorkloads.get(name);
  if (spec === undefined) return false;
  try {
    if (!matchesSelectors(spec.selectors, session.claims, budget)) return false;
    const condition = set.clientConditions.get(name);
    if (condition === undefined) return true;
    if (!('program' in condition)) return 'unknown';
    return condition.program.evaluate({ ...session, workloads: [] }, undefined, nowMs, budget);
  } catch (error) {
    const isTooMuch = error instanceof SelectorError || (error instanceof CelError && error.code === 'cel-too-costly');
    return isTooMuch && 'unknown';
  }
}

function isDenied(set: CompiledPolicySet, clientWorkload: string): boolean {
  for (const policy of set.source.accessPolicies.values()) {
    if (policy.effect === 'deny' && policy.clientWorkload === clientWorkload) return true;
  }
  return false;
}
