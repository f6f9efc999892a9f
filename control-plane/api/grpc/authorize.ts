import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../common/clock.ts';
import { TOKEN } from '../../../common/credential-grammar.ts';
import { within } from '../../../common/deadline.ts';
import { SidekeyError } from '../../../common/errors.ts';
import { canonicalPath } from '../../../common/match/path.ts';
import { parseHost } from '../../../common/net/host.ts';
import type { AuthorizeRequest, AuthorizeResponse } from '../../../proto/gen/sidekey/v1/proxy.ts';
import type { Denial, Grant } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { CredentialError } from '../../credentials/credential-minter.ts';
import { type Budget, newBudget, QUESTION_STEPS } from '../../policy/budget.ts';
import { type Decision, decide } from '../../policy/decide.ts';
import type { RequestFacts, SessionFacts } from '../../policy/facts.ts';
import type { PolicySource, TenantPolicy } from '../../policy/policy-source.ts';
import type { CompiledPolicy, CompiledServerWorkload } from '../../policy/compile.ts';
import { lacksFacts, readInspected } from '../../policy/fact-numbers.ts';
import { factsRead, failModeOf, pathFormsAt, selectorsRead } from '../../policy/routes.ts';
import { StoreUnavailable } from '../../store/sql-store.ts';
import { type CredentialSourceOptions, type MintedCredentials, mintFor } from '../../credentials/credential-source.ts';
import { Refusal } from './refusal.ts';
import type { LiveSession, SessionGate } from './session-gate.ts';

export interface AuthorizeOptions extends CredentialSourceOptions {
  readonly gate: SessionGate;
  readonly policies: PolicySource;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

type Answer = Pick<AuthorizeResponse, 'outcome'>;

/** A grant lives at least this long, so that the call it is for gets through. */
const SHORTEST_GRANT_MS = 60_000;
const MAX_DEADLINE_MS = 30_000;
const MAX_METHOD_LENGTH = 64;
/** A policy that changes again and again while credentials are made is waited for this often. */
const MAX_ROUNDS = 4;
const BEHIND = 'The policy is changing at this moment.';
const NOTHING_MINTED: MintedCredentials = { injections: [], notAfter: Number.POSITIVE_INFINITY };

/**
 * Answers one question; never throws. A missing or late answer is a denial.
 * @param onWork given what goes on until nothing of the question is held, be its answer late
 */
export async function authorize(
  options: AuthorizeOptions,
  session: LiveSession,
  request: AuthorizeRequest,
  onWork: (work: Promise<unknown>) => void = () => {},
): Promise<AuthorizeResponse> {
  const deadlineMs = Math.min(request.deadlineMs || MAX_DEADLINE_MS, MAX_DEADLINE_MS);
  let isLate = false;
  try {
    const work = answerQuestion(options, session, request, () => isLate);
    onWork(work);
    const late = () => {
      isLate = true;
      return denial('authorize-timeout');
    };
    return { id: request.id, ...(await within(work, deadlineMs, late)) };
  } catch (error) {
    if (error instanceof CredentialError) {
      // The agent is told that; why it is so is for the operator, who sees neither secrets nor the provider's words.
      const { tenant } = session.ticket;
      options.onError(new SidekeyError(error.code, `no credential for tenant ${tenant}`, { cause: error }));
    }
    if (error instanceof Refusal || error instanceof CredentialError) {
      return { id: request.id, ...denial(error.reason, { message: error.message }) };
    }
    options.onError(error);
    const reason = error instanceof StoreUnavailable ? 'control-plane-unavailable' : 'internal-error';
    return { id: request.id, ...denial(reason) };
  }
}

/**
 * Decides and mints until nothing that decides has changed meanwhile: the secret may be what a change retired. Credentials
 * are made for one policy and go out under no other.
 */
async function answerQuestion(
  options: AuthorizeOptions,
  session: LiveSession,
  wire: AuthorizeRequest,
  isLate: () => boolean,
): Promise<Answer> {
  const { gate } = options;
  const { tenant } = session.ticket;
  let made: { readonly policy: CompiledPolicy; readonly credentials: MintedCredentials } | undefined;
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds += 1) {
    let standing = await standingOf(options, session, isLate);
    while (gate.turns.mustWait(tenant, QUESTION_STEPS - standing.budget.left)) {
      await gate.turns.next(tenant);
      standing = await standingOf(options, session, isLate);
    }
    const { current, facts, budget } = standing;
    const request = readFacts(wire, current);
    const { left } = budget;
    const decision = decide(current.policy, facts, request, current.revocations, options.clock.now(), budget);
    gate.turns.took(tenant, left - budget.left + current.policy.routingSteps);
    if (isBehind(decision, facts, request, { wire, current })) return denial('not-ready', { message: BEHIND });
    const { policy, serverWorkload: server, leaseMs } = decision;
    if (decision.outcome === 'deny' || !policy || !server) return denied(decision);
    if (made?.policy !== policy) {
      let failure: unknown;
      try {
        made = { policy, credentials: wire.dryRun ? NOTHING_MINTED : await mintFor(options, facts, policy, current) };
      } catch (error) {
        made = undefined;
        failure = error;
      }
      // Also where minting failed: the secret may have been sealed anew for what has changed.
      if ((await standingOf(options, session, isLate)).current !== current) continue;
      if (made === undefined) throw failure;
    }
    const nowMs = options.clock.now();
    const minted = made.credentials;
    const { notAfter: sessionEndsAt } = session.ticket;
    const value = grantOf({ policy, server, leaseMs, facts, request, current, minted, nowMs, sessionEndsAt });
    if (value !== undefined) return { outcome: { $case: 'grant', value } };
    return denial('credential-unavailable', { message: 'the credential has expired' });
  }
  return denial('not-ready', { message: BEHIND });
}

/**
 * Whether the proxy chose what to send by another policy, while the present one reads facts beyond it. What it left out
 * reads like what is empty, so such a question is not answered: the snapshot that tells it is on its way.
 */
function isBehind(
  { serverWorkload: server, policy }: Decision,
  session: SessionFacts,
  request: RequestFacts,
  { wire, current }: { readonly wire: AuthorizeRequest; readonly current: TenantPolicy },
): boolean {
  if (server === undefined) return false;
  const read = factsRead(server, session);
  // How its route verifies the server may be another too, and is part of what a secret is bound to.
  if (isOfOtherPolicy(wire, current) && (read.size > 0 || (policy?.bound.length ?? 0) > 0)) return true;
  return lacksFacts(request, read, selectorsRead(server, session), wire.http?.inspected?.selectors ?? []);
}

/** An older proxy names the version alone. */
function isOfOtherPolicy({ policyChange, policyVersion }: AuthorizeRequest, { policy }: TenantPolicy): boolean {
  if (policyChange !== '') return policyChange !== policy.source.change;
  return policyVersion !== 0 && policyVersion < policy.source.version;
}

interface Standing {
  readonly current: TenantPolicy;
  readonly facts: SessionFacts;
  /** What the session's facts have left to decide with. */
  readonly budget: Budget;
}

/** Once it is the tenant's turn. Nothing more is done for a question whose answer has come to be late. */
async function standingOf(
  { gate, policies }: AuthorizeOptions,
  session: LiveSession,
  isLate: () => boolean,
): Promise<Standing> {
  const { tenant } = session.ticket;
  for (;;) {
    if (isLate()) throw new Refusal('authorize-timeout', REASONS['authorize-timeout'].summary);
    const current = await policies.get(tenant);
    if (!current) throw new Refusal('session-invalid', 'the tenant does not exist');
    if (!gate.turns.mustWait(tenant)) {
      const budget = newBudget();
      return { current, facts: await gate.assertStanding(session, current, budget), budget };
    }
    await gate.turns.next(tenant);
  }
}

/** The question in canonical form. The proxy sends it so; anything else is refused, not mended. */
function readFacts(wire: AuthorizeRequest, { policy }: TenantPolicy): RequestFacts {
  const { destination, http } = wire;
  if (!destination || !http) throw new Refusal('bad-request', 'the question has no destination or no request');
  const { scheme, host, port } = destination;
  const known = scheme === 'https' || scheme === 'http';
  if (!known || port < 1 || port > 65_535 || !isCanonical(host, parseHost)) {
    throw new Refusal('bad-request', 'the destination is not canonical');
  }
  if (http.method.length > MAX_METHOD_LENGTH || !TOKEN.test(http.method))
    throw new Refusal('bad-request', 'the method is not a token');
  // Empty: the proxy's route says that no policy reads the path (see isBehind).
  const forms = pathFormsAt(policy, host, port);
  if (http.path !== '' && !isCanonical(http.path, (path) => canonicalPath(path, forms))) {
    throw new Refusal('path-refused', 'the path is not canonical');
  }
  const { method, path, query, headers } = http;
  const inspected = http.inspected && readInspected(http.inspected);
  return { scheme, host, port, method, path, query, headers, inspected, dryRun: wire.dryRun };
}

function isCanonical(text: string, canonical: (text: string) => string): boolean {
  try {
    return canonical(text) === text;
  } catch {
    return false;
  }
}

interface GrantParts {
  readonly policy: CompiledPolicy;
  readonly server: CompiledServerWorkload;
  readonly leaseMs: number;
  readonly facts: SessionFacts;
  readonly request: RequestFacts;
  readonly current: TenantPolicy;
  readonly minted: MintedCredentials;
  readonly nowMs: number;
  readonly sessionEndsAt: number;
}

/** undefined when the credential is about to expire. */
function grantOf(parts: GrantParts): Grant | undefined {
  const { policy, server, leaseMs, facts, request, current, minted, nowMs, sessionEndsAt } = parts;
  if (minted.notAfter <= nowMs) return undefined;
  const { spec } = policy;
  const staleMs = spec.failMode.type === 'stale' ? spec.failMode.maxAgeSeconds * 1_000 : 0;
  const longest = nowMs + Math.max(leaseMs + staleMs, SHORTEST_GRANT_MS);
  const notAfter = Math.min(minted.notAfter, longest, sessionEndsAt);
  const { scheme, host, port, method } = request;
  const providers = [...new Set(spec.credentials.map(({ provider }) => provider))];
  return {
    id: randomUUID(),
    binding: {
      sessionId: facts.sessionId,
      workloads: [...facts.workloads],
      user: facts.user ?? '',
      serverWorkload: server.name,
      destination: { scheme, host, port },
      method,
      path: factsRead(server, facts).has('path') ? request.path : '',
    },
    notAfter: new Date(notAfter),
    cacheLease: durationOf(Math.min(leaseMs, notAfter - nowMs)),
    maxUses: spec.maxUses ?? 0,
    policyVersion: current.policy.source.version,
    policyChange: current.policy.source.change,
    failMode: failModeOf(spec.failMode),
    accessPolicy: policy.name,
    credentialProvider: providers.join(','),
    injections: minted.injections,
    credentialProviders: providers,
  };
}

function denied(decision: Decision): Answer {
  const { reason, policy, condition, leaseMs } = decision;
  const { summary } = REASONS[reason];
  const detail = decision.detail ?? condition;
  const message = detail === undefined ? summary : `${summary.slice(0, -1)}: ${detail}.`;
  return denial(reason, { message, accessPolicy: policy?.name ?? '', leaseMs });
}

function denial(
  reason: Reason,
  details: { readonly message?: string; readonly accessPolicy?: string; readonly leaseMs?: number } = {},
): Answer {
  const value: Denial = {
    reason: REASONS[reason].number,
    message: details.message ?? REASONS[reason].summary,
    accessPolicy: details.accessPolicy ?? '',
    cacheLease: durationOf(details.leaseMs ?? 0),
  };
  return { outcome: { $case: 'denial', value } };
}

function durationOf(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: Math.floor(ms % 1_000) * 1_000_000 };
}
