import type { CompiledPolicySet } from './compile.ts';
import type { SessionFacts } from './facts.ts';
import { matchesSelectors } from './selectors.ts';

/**
 * Names of the client workloads, of all or of those given, that a session's claims match, in alphabetical order. A condition
 * that fails to evaluate does not match.
 */
export function matchWorkloads(
  set: CompiledPolicySet,
  session: Omit<SessionFacts, 'workloads'>,
  nowMs: number,
  among: Iterable<string> = set.source.clientWorkloads.keys(),
): string[] {
  const facts: SessionFacts = { ...session, workloads: [] };
  const names: string[] = [];
  for (const name of among) {
    const spec = set.source.clientWorkloads.get(name);
    if (spec && matchesSelectors(spec.selectors, session.claims) && holds(set, name, facts, nowMs)) names.push(name);
  }
  return names.sort();
}

function holds(set: CompiledPolicySet, name: string, facts: SessionFacts, nowMs: number): boolean {
  const condition = set.clients.get(name)?.condition;
  if (condition === undefined) return true;
  if (!('program' in condition)) return false;
  try {
    return condition.program.evaluate(facts, undefined, nowMs);
  } catch {
    return false;
  }
}
