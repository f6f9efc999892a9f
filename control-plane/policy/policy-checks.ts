import { describeError } from '../../common/errors.ts';
import { matchHost } from '../../common/match/host-pattern.ts';
import { formatAuthority } from '../../common/net/host.ts';
import type { AccessRule, ServerWorkloadSpec } from '../resources/kinds.ts';
import { beyondBinding } from '../resources/within-binding.ts';
import type { Budget } from './budget.ts';
import type { CompiledPolicy, CompiledServerWorkload } from './compile.ts';
import type { RequestFacts, SessionFacts } from './facts.ts';
import { readingsOf, readsAnyArgument } from './rules/compile-rule.ts';
import type { RuleQuestion, Unread } from './rules/fit.ts';
import { compareSpecificity, type Specificity, specificityOf } from './specificity.ts';
import { fail, pass, type Step } from './step.ts';

/** How specifically a policy covers a call, and through which reading and variables of its path. */
export interface PolicyCoverage {
  readonly specificity: Specificity;
  readonly path: string;
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Coverage by the policy's rules, the narrowest first: of one that allows the narrowest alone, of one that denies each, since
 * its conditions may hold for any. Empty when no rule covers the call; Unread when one could not be asked.
 */
export function covers(policy: CompiledPolicy, question: RuleQuestion): readonly PolicyCoverage[] | Unread {
  const { spec, rules } = policy;
  const denies = spec.effect === 'deny';
  let unread: Unread | undefined;
  const coverages: PolicyCoverage[] = [];
  if (!rules) {
    const specificity = specificityOf(spec);
    for (const path of readingsOf(question.request, denies)) coverages.push({ specificity, path, variables: {} });
  }
  for (const rule of rules ?? []) {
    const covering = rule.cover(question);
    if ('why' in covering) {
      unread ??= covering;
      continue;
    }
    for (const one of covering) {
      coverages.push({ specificity: specificityOf(spec, one), path: one.path, variables: one.variables });
    }
  }
  coverages.sort((a, b) => compareSpecificity(b.specificity, a.specificity));
  if (coverages.length === 0) return unread ?? coverages;
  return denies && policy.conditions.length > 0 ? coverages : coverages.slice(0, 1);
}

const MAX_DESCRIBED = 5;

const MAX_PART_CHARS = 120;

const described = new WeakMap<CompiledPolicy, string>();

/** What the rules of a policy cover, for people. Told once, since every question that they do not cover is answered with it. */
export function describeRules(policy: CompiledPolicy): string {
  const text = described.get(policy) ?? tellRules(policy.spec.rules ?? []);
  described.set(policy, text);
  return text;
}

function tellRules(rules: readonly AccessRule[]): string {
  const texts = rules.slice(0, MAX_DESCRIBED).map(({ methods, paths, ...more }) => {
    const parts = Object.entries(more).filter(([, part]) => part !== undefined);
    const limits = parts.map(([name, part]) => `${name} ${shorten(part)}`);
    const where = `${methods?.join(', ') ?? 'any method'} ${paths?.join(', ') ?? 'any path'}`;
    return limits.length === 0 ? where : `${where} with ${limits.join(' and ')}`;
  });
  return [...texts, ...(rules.length > MAX_DESCRIBED ? ['others'] : [])].join('; ');
}

function shorten(part: unknown): string {
  const text = typeof part === 'string' ? part : JSON.stringify(part);
  return text.length > MAX_PART_CHARS ? `${text.slice(0, MAX_PART_CHARS)}...` : text;
}

/** That no server workload covers this host and port; and which cover the host, as ports are easily forgotten. */
export function describeUncovered(
  servers: readonly Pick<CompiledServerWorkload, 'name' | 'hosts' | 'ports'>[],
  { host, port }: Pick<RequestFacts, 'host' | 'port'>,
): string {
  const near = servers.filter(({ hosts }) => hosts.some((pattern) => matchHost(pattern, host))).slice(0, MAX_DESCRIBED);
  const elsewhere = near.map(({ name, ports }) => `; ${name} covers it at ${ports.slice(0, MAX_DESCRIBED).join(', ')}`);
  return `none covers ${formatAuthority(host, port)}${elsewhere.join('')}`;
}

/** The first trust provider that the policy asks for and the session lacks. */
export function missingTrust(policy: CompiledPolicy, session: Pick<SessionFacts, 'trust'>): string | undefined {
  return policy.spec.trust.find((name) => !session.trust.includes(name));
}

interface ConditionQuestion {
  readonly session: SessionFacts;
  readonly request: RequestFacts;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly steps: Step[];
}

export interface FailedCondition {
  readonly name: string;
  readonly reason: 'condition-failed' | 'condition-error';
}

/** The first condition that does not hold. One that cannot be evaluated is an error, which is never a pass. */
export function checkConditions(policy: CompiledPolicy, question: ConditionQuestion): FailedCondition | undefined {
  const { session, request, nowMs, budget, steps } = question;
  for (const { name, outcome } of policy.conditions) {
    if ('broken' in outcome) {
      fail(steps, 'condition', name, outcome.broken);
      return { name, reason: 'condition-error' };
    }
    if (request.dryRun === true && readsAnyArgument(outcome.condition)) {
      steps.push({ check: 'condition', name, outcome: 'skip', detail: 'arguments are not known yet' });
      if (policy.spec.effect === 'allow') continue;
      return { name, reason: 'condition-failed' };
    }
    try {
      if (!outcome.condition.holds(session, request, nowMs, budget)) {
        fail(steps, 'condition', name, 'does not hold');
        return { name, reason: 'condition-failed' };
      }
    } catch (error) {
      fail(steps, 'condition', name, describeError(error));
      return { name, reason: 'condition-error' };
    }
    pass(steps, 'condition', name, 'holds');
  }
  return undefined;
}

/**
 * The first credential of the policy that is not bound to this call or session. What policy alone shows `apply` refuses, so that it
 * is met only when somebody changed what is stored.
 */
export function checkBinding(
  policy: CompiledPolicy,
  server: ServerWorkloadSpec,
  { request, session, steps }: Omit<ConditionQuestion, 'nowMs' | 'budget'>,
): { readonly reason: 'binding-mismatch' | 'trust-insufficient'; readonly detail: string } | undefined {
  const { clientWorkload } = policy.spec;
  const mode = request.scheme === 'https' ? 'verify' : 'plaintext';
  const target = {
    hosts: [request.host],
    ports: [request.port],
    tls: { ...server.tls, mode } as const,
    clientWorkload,
  };
  for (const { provider, inject, boundTo } of policy.bound) {
    const beyond = beyondBinding(boundTo, { ...target, inject });
    const missing = boundTo.agents?.trust.find((name) => !session.trust.includes(name));
    if (beyond === undefined && missing === undefined) {
      pass(steps, 'binding', provider, `bound to ${boundTo.hosts.join(', ')}`);
      continue;
    }
    const detail =
      beyond === undefined
        ? `the secret of ${provider} is bound to evidence of ${missing}`
        : `the secret of ${provider} is not bound to ${beyond}`;
    fail(steps, 'binding', provider, detail);
    return { reason: beyond === undefined ? 'trust-insufficient' : 'binding-mismatch', detail };
  }
  return undefined;
}
