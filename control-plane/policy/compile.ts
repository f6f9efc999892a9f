import { hash } from 'node:crypto';
import { describeError } from '../../common/errors.ts';
import { compilePathPattern } from '../../common/match/path-pattern.ts';
import { pathReadings } from '../../common/match/path.ts';
import type { CompiledCondition } from '../conditions/condition.ts';
import { compileCondition } from '../conditions/compile.ts';
import type { AccessPolicySpec, PolicySet, ServerWorkloadSpec } from '../resources/kinds.ts';
import { type CelProgram, compileCel, type FactName } from './cel.ts';

/** A condition that compiled, or the sentence why it did not: then it never holds. */
export type ConditionOutcome = { readonly condition: CompiledCondition } | { readonly broken: string };

export interface CompiledRule {
  readonly methods: ReadonlySet<string> | undefined;
  readonly paths: readonly { readonly pattern: string; matches(path: string): boolean }[] | undefined;
}

export interface CompiledPolicy {
  readonly name: string;
  readonly spec: AccessPolicySpec;
  readonly rules: readonly CompiledRule[] | undefined;
  readonly conditions: readonly { readonly name: string; readonly outcome: ConditionOutcome }[];
  /** Facts that rules and conditions read beyond scheme, host, port and method. */
  readonly reads: ReadonlySet<FactName>;
  readonly dependsOnTime: boolean;
}

export interface CompiledServerWorkload {
  readonly name: string;
  readonly spec: ServerWorkloadSpec;
  readonly hosts: string[];
  readonly ports: number[];
  readonly policies: readonly CompiledPolicy[];
  /** Whom its policies apply to depends on the time: a client workload's condition reads the clock. */
  readonly clientsDependOnTime: boolean;
}

export interface CompiledClientWorkload {
  readonly name: string;
  /** undefined: the workload has no condition; `broken`: it never matches. */
  readonly condition: { readonly program: CelProgram } | { readonly broken: string } | undefined;
}

/** A tenant's policy ready to decide with; made once for each version. */
export interface CompiledPolicySet {
  readonly source: PolicySet;
  readonly servers: CompiledServerWorkload[];
  readonly clients: ReadonlyMap<string, CompiledClientWorkload>;
  /** What each trust provider says, in short: a session goes only as long as those that vouched for it say the same. */
  readonly trustDigests: ReadonlyMap<string, string>;
}

/** Compiles everything once. What does not compile denies instead of failing the whole set. */
export function compilePolicySet(source: PolicySet): CompiledPolicySet {
  const outcomes = new Map<string, ConditionOutcome>();
  for (const [name, spec] of source.accessConditions) {
    outcomes.set(
      name,
      attempt(() => ({ condition: compileCondition(spec) })),
    );
  }
  const policies = [...source.accessPolicies]
    .map(([name, spec]) => compilePolicy(name, spec, outcomes))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const clients = new Map<string, CompiledClientWorkload>();
  for (const [name, spec] of source.clientWorkloads) clients.set(name, compileClient(name, spec.condition));
  const servers = [...source.serverWorkloads].map(([name, spec]) => {
    const own = policies.filter((policy) => policy.spec.serverWorkload === name);
    return {
      name,
      spec,
      hosts: [...spec.hosts],
      ports: [...spec.ports],
      policies: own,
      clientsDependOnTime: own.some((policy) => clientDependsOnTime(policy.spec.clientWorkload, clients)),
    };
  });
  const trustDigests = new Map([...source.trustProviders].map(([name, spec]) => [name, digestOf(spec)]));
  return { source, servers, clients, trustDigests };
}

function digestOf(spec: object): string {
  return hash('sha256', JSON.stringify(spec), 'base64url');
}

function clientDependsOnTime(name: string, clients: ReadonlyMap<string, CompiledClientWorkload>): boolean {
  if (name === '*') return [...clients.keys()].some((one) => clientDependsOnTime(one, clients));
  const condition = clients.get(name)?.condition;
  return condition !== undefined && 'program' in condition && condition.program.readsNow;
}

function compileClient(name: string, expression: string | undefined): CompiledClientWorkload {
  if (expression === undefined) return { name, condition: undefined };
  const condition = attempt(() => {
    const program = compileCel(expression);
    return program.readsRequest ? { broken: 'a client workload cannot read the request' } : { program };
  });
  return { name, condition };
}

function compilePolicy(
  name: string,
  spec: AccessPolicySpec,
  outcomes: ReadonlyMap<string, ConditionOutcome>,
): CompiledPolicy {
  const rules = spec.rules?.map((rule) => ({
    methods: rule.methods && new Set(rule.methods),
    paths: rule.paths?.map((pattern) => compilePath(pattern, spec.effect === 'deny')),
  }));
  const conditions = spec.conditions.map((condition) => ({
    name: condition,
    outcome: outcomes.get(condition) ?? { broken: 'the access condition does not exist' },
  }));
  const reads = new Set<FactName>();
  if (rules?.some((rule) => rule.paths !== undefined)) reads.add('path');
  let dependsOnTime = false;
  for (const { outcome } of conditions) {
    if (!('condition' in outcome)) continue;
    for (const fact of outcome.condition.reads) reads.add(fact);
    dependsOnTime ||= outcome.condition.dependsOnTime;
  }
  return { name, spec, rules, conditions, reads, dependsOnTime };
}

/** A pattern that cannot be read covers nothing that is allowed and everything that is denied. */
function compilePath(pattern: string, isDenial: boolean): { pattern: string; matches(path: string): boolean } {
  try {
    const compiled = compilePathPattern(pattern);
    // A server may read the path more leniently than it should: what is denied is denied in every reading.
    if (isDenial)
      return { pattern, matches: (path) => pathReadings(path).some((reading) => compiled.matches(reading)) };
    return { pattern, matches: (path) => compiled.matches(path) };
  } catch {
    return { pattern, matches: () => isDenial };
  }
}

function attempt<T>(run: () => T): T | { broken: string } {
  try {
    return run();
  } catch (error) {
    return { broken: describeError(error) };
  }
}
