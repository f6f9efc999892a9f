import { CelError } from './cel-error.ts';
import type { CompiledPolicySet } from './compile.ts';
import type { SessionFacts } from './facts.ts';
import { matchesSelectors, SelectorError } from './selectors.ts';

/** Some of the client workloads that a session is; `unknown` where it cannot be told whether it is one that a policy denies. */
export type Matched = readonly string[] | 'unknown';

type Attested = Omit<SessionFacts, 'workloads'>;

/**
 * Names of the client workloads that a session's claims match, in alphabetical order. A condition that fails to evaluate
 * does not match. None, where it cannot be told whether one matches that a policy denies.
 */
export function matchWorkloads(set: CompiledPolicySet, session: Attested, nowMs: number): string[] {
  return namesOf(matchLasting(set, session), matchTimed(set, session, nowMs));
}

export function namesOf(lasting: Matched, timed: Matched): string[] {
  return lasting === 'unknown' || timed === 'unknown' ? [] : [...lasting, ...timed].sort();
}

/** Of the client workloads whose conditions do not read the clock: the same for as long as the policy is. */
export function matchLasting(set: CompiledPolicySet, session: Attested): Matched {
  return matchAmong(set, set.lastingClients, session, 0);
}

export function matchTimed(set: CompiledPolicySet, session: Attested, nowMs: number): Matched {
  return matchAmong(set, set.timedClients, session, nowMs);
}

function matchAmong(set: CompiledPolicySet, among: readonly string[], session: Attested, nowMs: number): Matched {
  const facts: SessionFacts = { ...session, workloads: [] };
  const names: string[] = [];
  for (const name of among) {
    const found = matches(set, name, facts, nowMs);
    if (found === 'unknown' && isDenied(set, name)) return 'unknown';
    if (found === true) names.push(name);
  }
  return names;
}

function matches(set: CompiledPolicySet, name: string, facts: SessionFacts, nowMs: number): boolean | 'unknown' {
  const spec = set.source.clientWorkloads.get(name);
  if (spec === undefined) return false;
  try {
    if (!matchesSelectors(spec.selectors, facts.claims)) return false;
    const condition = set.clients.get(name)?.condition;
    if (condition === undefined) return true;
    return 'program' in condition ? condition.program.evaluate(facts, undefined, nowMs) : 'unknown';
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
