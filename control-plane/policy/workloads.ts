import { CelError } from './cel-error.ts';
import type { CompiledPolicySet } from './compile.ts';
import type { SessionFacts } from './facts.ts';
import { matchesSelectors, SelectorError } from './selectors.ts';

/**
 * Names of the client workloads that a session's claims match, in alphabetical order. A condition that fails to evaluate
 * does not match. None, where it cannot be told whether one matches that a policy denies.
 */
export function matchWorkloads(
  set: CompiledPolicySet,
  session: Omit<SessionFacts, 'workloads'>,
  nowMs: number,
): string[] {
  const facts: SessionFacts = { ...session, workloads: [] };
  const names: string[] = [];
  for (const name of set.source.clientWorkloads.keys()) {
    const found = matches(set, name, facts, nowMs);
    if (found === 'unknown' && isDenied(set, name)) return [];
    if (found === true) names.push(name);
  }
  return names.sort();
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
