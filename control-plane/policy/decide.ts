import { findRoute } from '../../common/match/route-match.ts';
import { formatAuthority } from '../../common/net/host.ts';
import type { Reason } from '../../proto/reasons.ts';
import { type Budget, isSpent, newBudget } from './budget.ts';
import { type CompiledPolicy, type CompiledPolicySet, type CompiledServerWorkload, injects } from './compile.ts';
import type { FactName, RequestFacts, SessionFacts } from './facts.ts';
import {
  checkBinding,
  checkConditions,
  covers,
  describeRules,
  describeUncovered,
  missingTrust,
} from './policy-checks.ts';
import type { RevocationSet } from './revocations.ts';
import type { Unread } from './rules/fit.ts';
import { compareSpecificity, type Specificity } from './specificity.ts';
import { fail, pass, type Step } from './step.ts';

export interface Decision {
  readonly outcome: 'allow' | 'deny';
  readonly reason: Reason;
  /** The policy that decided, when one did. */
  readonly policy: CompiledPolicy | undefined;
  /** Name of the condition that said no, when one did. */
  readonly condition: string | undefined;
  /** What the reason alone does not say, for people. */
  readonly detail: string | undefined;
  readonly serverWorkload: CompiledServerWorkload | undefined;
  /** How long the same answer would be given, as far as the clock goes; at most the policy's lease. */
  readonly leaseMs: number;
  readonly steps: readonly Step[];
}

interface Candidate {
  readonly policy: CompiledPolicy;
  readonly specificity: Specificity;
  /** The call, with the reading and the variables of the path through which the policy covers it. */
  readonly request: RequestFacts;
}

interface Question {
  readonly set: CompiledPolicySet;
  readonly session: SessionFacts;
  readonly request: RequestFacts;
  readonly revocations: RevocationSet;
  readonly nowMs: number;
  readonly budget: Budget;
  readonly steps: Step[];
}

const DENIAL_LEASE_MS = 5_000;

/**
 * Decides one call; pure. Most specific covering policy wins, then deny over allow; of equally specific allowing
 * policies any one that holds is enough, the first by name. Nothing matches: denied; nor may what matches
 * take more steps than one question has. docs/policy.md has the whole order.
 */
export function decide(
  set: CompiledPolicySet,
  session: SessionFacts,
  request: RequestFacts,
  revocations: RevocationSet,
  nowMs: number,
  budget = newBudget(),
): Decision {
  const question: Question = { set, session, request, revocations, nowMs, budget, steps: [] };
  const { steps } = question;
  const revoked = revocations.reasonAgainst(session);
  if (revoked) {
    fail(steps, 'revocation', session.sessionId, revoked);
    return deny(question, revoked, undefined);
  }
  pass(steps, 'revocation', session.sessionId, 'nothing about this session is revoked');
  const server = findRoute(set.servers, request.host, request.port);
  if (!server) {
    fail(steps, 'server-workload', '', describeUncovered(set.servers, request));
    return deny(question, 'no-route', undefined);
  }
  pass(steps, 'server-workload', server.name, `covers ${formatAuthority(request.host, request.port)}`);
  if (session.workloads.length === 0) {
    fail(steps, 'client-workload', '', 'the claims match none');
    return deny(question, 'workload-unknown', server);
  }
  for (const name of session.workloads) {
    pass(steps, 'client-workload', name, 'the claims match');
  }
  if (request.scheme === 'http' && server.spec.tls.mode !== 'plaintext') {
    fail(steps, 'server-workload', server.name, 'is not allowed over cleartext');
    return deny(question, 'cleartext-refused', server);
  }
  const decision = decideByPolicies(question, server);
  if (!isSpent(question.budget)) return decision;
  return { ...deny(question, 'condition-error', server), detail: 'the call takes more steps than policy may' };
}

/** Whether a policy speaks of this session at all. */
export function appliesTo(policy: CompiledPolicy, session: Pick<SessionFacts, 'workloads'>): boolean {
  const { clientWorkload } = policy.spec;
  return clientWorkload === '*' ? session.workloads.length > 0 : session.workloads.includes(clientWorkload);
}

function decideByPolicies(question: Question, server: CompiledServerWorkload): Decision {
  const { steps, request, session } = question;
  const applicable = server.policies.filter((policy) => appliesTo(policy, session));
  if (applicable.length === 0) {
    fail(steps, 'policy', '', `none connects this workload and ${server.name}`);
    return deny(question, 'no-policy', server);
  }
  const candidates: Candidate[] = [];
  let unread: Unread | undefined;
  for (const policy of applicable) {
    if (isSpent(question.budget)) break;
    const covering = covers(policy, question);
    const { name } = policy;
    if ('why' in covering) {
      fail(steps, 'rule', name, `could not be asked: ${covering.why}`);
      unread ??= covering;
      continue;
    }
    const call = `${request.method} ${request.path}`;
    if (covering.length === 0) fail(steps, 'rule', name, `does not cover ${call}, but ${describeRules(policy)}`);
    else pass(steps, 'rule', name, `covers ${call}`);
    for (const { specificity, path, variables } of covering) {
      candidates.push({ policy, specificity, request: { ...request, path, variables } });
    }
  }
  candidates.sort((a, b) => compareSpecificity(b.specificity, a.specificity));
  const decision = decideByRank(question, server, candidates);
  if (decision) return decision;
  if (unread) return { ...deny(question, reasonOfUnread(unread), server), detail: unread.why };
  const allowing = applicable.some((policy) => policy.spec.effect === 'allow');
  return deny(question, allowing ? 'rule-denied' : 'no-policy', server);
}

const MESSAGE_FACTS: ReadonlySet<FactName | undefined> = new Set<FactName>(['jsonRpc', 'mcp', 'mcpArguments', 'a2a']);

/** An expression that failed over what was read is a rule that does not fit; one over what could not be read says so. */
function reasonOfUnread({ fact }: Unread): Reason {
  if (fact === undefined || fact === 'query' || fact === 'headers') return 'rule-denied';
  return MESSAGE_FACTS.has(fact) ? 'message-refused' : 'body-uninspectable';
}

/** Goes down the ranks: a rank of deny policies whose conditions do not hold leaves the word to the next rank. */
function decideByRank(
  question: Question,
  server: CompiledServerWorkload,
  candidates: readonly Candidate[],
): Decision | undefined {
  let rest = candidates;
  while (rest[0]) {
    const top = rest[0].specificity;
    const rank = rest.filter(({ specificity }) => compareSpecificity(specificity, top) === 0);
    rest = rest.slice(rank.length);
    const denial = findDenial(question, server, rank);
    if (denial) return denial;
    let refusal: Decision | undefined;
    for (const candidate of rank) {
      if (candidate.policy.spec.effect !== 'allow') continue;
      const decision = tryAllow(question, server, candidate, candidates);
      if (decision.outcome === 'allow') return decision;
      refusal ??= decision;
    }
    if (refusal) return refusal;
  }
  return undefined;
}

/** A deny policy speaks when its conditions hold, and also when they cannot be evaluated: it fails closed. */
function findDenial(
  question: Question,
  server: CompiledServerWorkload,
  rank: readonly Candidate[],
): Decision | undefined {
  for (const { policy, request } of rank) {
    if (policy.spec.effect !== 'deny') continue;
    const failed = checkConditions(policy, { ...question, request });
    if (failed?.reason === 'condition-failed') continue;
    return deny(question, 'policy-denied', server, policy);
  }
  return undefined;
}

function tryAllow(
  question: Question,
  server: CompiledServerWorkload,
  { policy, request }: Candidate,
  candidates: readonly Candidate[],
): Decision {
  const { revocations, session, steps } = question;
  if (revocations.has('policy', policy.name)) {
    fail(steps, 'revocation', policy.name, 'the policy is revoked');
    return deny(question, 'policy-revoked', server, policy);
  }
  const missing = missingTrust(policy, session);
  if (missing !== undefined) {
    fail(steps, 'trust', missing, 'no evidence of this trust provider');
    return deny(question, 'trust-insufficient', server, policy);
  }
  for (const name of policy.spec.trust) pass(steps, 'trust', name, 'evidence verified');
  const failed = checkConditions(policy, { ...question, request });
  if (failed) return deny(question, failed.reason, server, policy, failed.name);
  const lent = injects(policy.spec, request.path);
  const secret = lent ? server.secretEndpoints.find(request, policy.spec.opens, question.budget) : undefined;
  if (secret !== undefined) {
    fail(steps, 'rule-pack', secret, 'makes or shows secrets; the policy does not open it');
    return { ...deny(question, 'secret-endpoint', server, policy), detail: `the endpoint is ${secret}` };
  }
  const revoked = policy.spec.credentials.find(({ provider }) => revocations.has('credential', provider));
  if (revoked !== undefined) {
    fail(steps, 'revocation', revoked.provider, 'the credential is revoked');
    return deny(question, 'credential-revoked', server, policy);
  }
  const beyond = checkBinding(policy, server.spec, { ...question, request });
  if (beyond !== undefined) return { ...deny(question, beyond.reason, server, policy), detail: beyond.detail };
  pass(steps, 'decision', policy.name, 'allowed');
  const timed =
    question.set.timedClients.length > 0 ||
    candidates.some((candidate) => candidate.policy.dependsOnTime) ||
    server.policies.some(({ rules }) => rules?.some((rule) => rule.dependsOnTime));
  const leaseMs = timed ? 0 : policy.spec.leaseSeconds * 1_000;
  return {
    outcome: 'allow',
    reason: 'ok',
    policy,
    condition: undefined,
    detail: undefined,
    serverWorkload: server,
    leaseMs,
    steps,
  };
}

function deny(
  question: Question,
  reason: Reason,
  serverWorkload: CompiledServerWorkload | undefined,
  policy?: CompiledPolicy,
  condition?: string,
): Decision {
  const { steps } = question;
  fail(steps, 'decision', policy?.name ?? '', reason);
  const timed =
    serverWorkload !== undefined &&
    (question.set.timedClients.length > 0 || serverWorkload.policies.some((candidate) => candidate.dependsOnTime));
  return {
    outcome: 'deny',
    reason,
    policy,
    condition,
    detail: undefined,
    serverWorkload,
    leaseMs: timed ? 0 : DENIAL_LEASE_MS,
    steps,
  };
}
