import { hash } from 'node:crypto';
import { describeError } from '../../common/errors.ts';
import type { CompiledCondition } from '../conditions/condition.ts';
import { compileCondition } from '../conditions/compile.ts';
import type { AccessPolicySpec, BoundTo, PolicyCredential, PolicySet, ServerWorkloadSpec } from '../resources/kinds.ts';
import { boundToOf } from '../resources/within-binding.ts';
import { type CelProgram, compileCel } from './cel.ts';
import { CelError } from './cel-error.ts';
import type { FactName } from './facts.ts';
import { SecretEndpointSet } from './rule-pack/match.ts';
import { type CompiledRule, compileRule } from './rules/compile-rule.ts';

/** A condition that compiled, or the sentence why it did not: then it never holds. */
export type ConditionOutcome = { readonly condition: CompiledCondition } | { readonly broken: string };

export interface CompiledPolicy {
  readonly name: string;
  readonly spec: AccessPolicySpec;
  readonly rules: readonly CompiledRule[] | undefined;
  readonly conditions: readonly { readonly name: string; readonly outcome: ConditionOutcome }[];
  /** Facts that rules and conditions read beyond scheme, host, port and method. */
  readonly reads: ReadonlySet<FactName>;
  /** Of large facts, the parts that they read. */
  readonly selectors: ReadonlySet<string>;
  readonly dependsOnTime: boolean;
  /** Of its credentials, those whose providers say where they may go. */
  readonly bound: readonly BoundCredential[];
}

export interface BoundCredential extends PolicyCredential {
  readonly boundTo: BoundTo;
}

export interface CompiledServerWorkload {
  readonly name: string;
  readonly spec: ServerWorkloadSpec;
  readonly hosts: string[];
  readonly ports: number[];
  readonly policies: readonly CompiledPolicy[];
  /** The rule pack's entries that may concern it. */
  readonly secretEndpoints: SecretEndpointSet;
}

/** Of a client workload; `broken`: it never holds. */
export type ClientCondition = { readonly program: CelProgram } | { readonly broken: string };

/** A tenant's policy ready to decide with; made once for each version. */
export interface CompiledPolicySet {
  readonly source: PolicySet;
  readonly servers: CompiledServerWorkload[];
  /** Of finding the server of a question: all hosts are looked at. */
  readonly routingSteps: number;
  /** By name; undefined for one without. */
  readonly clientConditions: ReadonlyMap<string, ClientCondition | undefined>;
  /** Client workloads whose conditions read the clock: whom any policy applies to depends on the time, if there are some. */
  readonly timedClients: readonly string[];
  readonly lastingClients: readonly string[];
  /** What each trust provider says, in short: a session goes only as long as those that vouched for it say the same. */
  readonly trustDigests: ReadonlyMap<string, string>;
}

const STEPS_A_HOST = 20;

/** Compiles everything once. What does not compile denies instead of failing the whole set. */
export function compilePolicySet(source: PolicySet): CompiledPolicySet {
  const outcomes = new Map<string, ConditionOutcome>();
  for (const [name, spec] of source.accessConditions) {
    outcomes.set(
      name,
      attempt(() => ({ condition: compileCondition(spec) })),
    );
  }
  const endpoints = new Map(
    [...source.serverWorkloads].map(([name, spec]) => [name, new SecretEndpointSet(spec)] as const),
  );
  const policies = [...source.accessPolicies]
    .map(([name, spec]) => ({
      ...compilePolicy(name, spec, outcomes, endpoints.get(spec.serverWorkload)),
      bound: boundOf(spec, source),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const clientConditions = new Map(
    [...source.clientWorkloads].map(([name, { condition }]) => [
      name,
      condition === undefined ? undefined : attempt(() => ({ program: compileClientCondition(condition) })),
    ]),
  );
  const names = [...clientConditions.keys()];
  const timedClients = names.filter((name) => dependsOnTime(clientConditions.get(name)));
  const lastingClients = names.filter((name) => !dependsOnTime(clientConditions.get(name)));
  const byServer = new Map<string, CompiledPolicy[]>();
  for (const policy of policies) {
    const { serverWorkload } = policy.spec;
    const own = byServer.get(serverWorkload);
    if (own === undefined) byServer.set(serverWorkload, [policy]);
    else own.push(policy);
  }
  const servers = [...source.serverWorkloads].map(([name, spec]) => ({
    name,
    spec,
    hosts: [...spec.hosts],
    ports: [...spec.ports],
    policies: byServer.get(name) ?? [],
    secretEndpoints: endpoints.get(name) ?? new SecretEndpointSet(spec),
  }));
  const trustDigests = new Map([...source.trustProviders].map(([name, spec]) => [name, digestOf(spec)]));
  const hosts = servers.reduce((count, server) => count + server.hosts.length, 0);
  return {
    source,
    servers,
    routingSteps: hosts * STEPS_A_HOST,
    clientConditions,
    timedClients,
    lastingClients,
    trustDigests,
  };
}

function digestOf(spec: object): string {
  return hash('sha256', JSON.stringify(spec), 'base64url');
}

function dependsOnTime(condition: ClientCondition | undefined): boolean {
  return condition !== undefined && 'program' in condition && condition.program.readsNow;
}

/** Throws CelError. */
export function compileClientCondition(expression: string): CelProgram {
  const program = compileCel(expression);
  if (program.readsRequest) throw new CelError('cel-forbidden', 'a client workload cannot read the request');
  return program;
}

function compilePolicy(
  name: string,
  spec: AccessPolicySpec,
  outcomes: ReadonlyMap<string, ConditionOutcome>,
  endpoints: SecretEndpointSet | undefined,
): Omit<CompiledPolicy, 'bound'> {
  const rules = spec.rules?.map((rule) => compileRule(rule, spec.effect === 'deny'));
  const conditions = spec.conditions.map((condition) => ({
    name: condition,
    outcome: outcomes.get(condition) ?? { broken: 'the access condition does not exist' },
  }));
  const pack = spec.credentials.length > 0 ? endpoints?.reads(spec.opens) : undefined;
  const reads = new Set<FactName>(pack?.facts);
  const selectors = new Set<string>(pack?.selectors);
  let dependsOnTime = false;
  const held = conditions.flatMap(({ outcome }) => ('condition' in outcome ? [outcome.condition] : []));
  for (const part of [...(rules ?? []), ...held]) {
    for (const fact of part.reads) reads.add(fact);
    for (const selector of part.selectors) selectors.add(selector);
    dependsOnTime ||= part.dependsOnTime;
  }
  return { name, spec, rules, conditions, reads, selectors, dependsOnTime };
}

function boundOf({ credentials }: AccessPolicySpec, { credentialProviders }: PolicySet): BoundCredential[] {
  return credentials.flatMap((credential) => {
    const boundTo = boundToOf(credentialProviders.get(credential.provider));
    return boundTo === undefined ? [] : [{ ...credential, boundTo }];
  });
}

/** Whether a call that the policy allows goes out with more authority than the agent's own; token requests answered here go nowhere. */
export function injects({ credentials }: AccessPolicySpec, path: string): boolean {
  return (
    credentials.length > 0 && !credentials.some(({ inject }) => inject.type === 'oauth-token' && inject.path === path)
  );
}

function attempt<T>(run: () => T): T | { broken: string } {
  try {
    return run();
  } catch (error) {
    return { broken: describeError(error) };
  }
}
