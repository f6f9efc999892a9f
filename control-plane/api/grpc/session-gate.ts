import type { Metadata } from '@grpc/grpc-js';
import { VERSION } from '../../../common/version.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { describeSkew } from '../../../proto/skew.ts';
import type { SessionAuthority, SessionTicket } from '../../attestation/session.ts';
import { type Budget, newBudget, QUESTION_STEPS } from '../../policy/budget.ts';
import type { CompiledPolicySet } from '../../policy/compile.ts';
import type { SessionFacts } from '../../policy/facts.ts';
import type { PolicySource, TenantPolicy } from '../../policy/policy-source.ts';
import { type Matched, matchLasting, matchTimed, namesOf } from '../../policy/workloads.ts';
import { QuestionTurns } from './question-turns.ts';
import { Refusal } from './refusal.ts';
import type { SessionRecord, SessionRecords } from '../../attestation/session-records.ts';

/** A session that passed the gate. */
export interface LiveSession {
  readonly record: SessionRecord;
  readonly ticket: SessionTicket;
}

export interface SessionGateOptions {
  readonly sessions: SessionAuthority;
  readonly records: SessionRecords;
  readonly policies: PolicySource;
  readonly nowMs: () => number;
}

/** Lets calls through that carry a valid session token, a fresh proof by its key, and no revocation. */
export class SessionGate {
  readonly #options: SessionGateOptions;
  /** Of the questions of each tenant. */
  readonly turns = new QuestionTurns();
  /** Of what its watches are told, so that questions need not wait for a thousand of these. */
  readonly watchTurns = new QuestionTurns();
  readonly #matched = new WeakMap<CompiledPolicySet, WeakMap<SessionRecord, Matched>>();

  constructor(options: SessionGateOptions) {
    this.#options = options;
  }

  /**
   * Throws AttestationError or Refusal. `evenRevoked` is for records: a proxy whose workload was just revoked must still
   * be able to tell what it denied because of that, and so must one of a release that is served no more.
   */
  async enter(metadata: Metadata, path: string, evenRevoked = false): Promise<LiveSession> {
    const ticket = await this.#options.sessions.authenticate({
      authorization: single(metadata, 'authorization'),
      dpop: single(metadata, 'dpop'),
      path,
    });
    const record = await this.#options.records.find(ticket, evenRevoked);
    if (!record) throw new Refusal('session-invalid', 'the session is not known or has ended');
    if (!evenRevoked) assertServed(record.proxyVersion);
    const session = { record, ticket };
    let policy = await this.#options.policies.get(ticket.tenant);
    // After a start, the calls of a thousand proxies wait for one reading of the policy.
    while (policy && this.turns.mustWait(ticket.tenant)) {
      await this.turns.next(ticket.tenant);
      policy = await this.#options.policies.get(ticket.tenant);
    }
    if (!policy) throw new Refusal('session-invalid', 'the tenant does not exist');
    if (!evenRevoked) this.assertLive(session, policy);
    return session;
  }

  /**
   * Throws Refusal when the session has expired, is revoked, or rests on a trust provider that says something else now.
   * `facts`: what `facts` says of these two, where it is known already.
   */
  assertLive(session: LiveSession, policy: TenantPolicy, facts?: SessionFacts): void {
    if (session.ticket.notAfter <= this.#options.nowMs())
      throw new Refusal('session-expired', 'the session has expired');
    if (isTrustWithdrawn(session, policy)) throw new Refusal('trust-withdrawn', REASONS['trust-withdrawn'].summary);
    const reason = policy.revocations.reasonAgainst(facts ?? this.facts(session, policy));
    if (reason) throw new Refusal(reason, REASONS[reason].summary);
  }

  /** As `assertLive`; also when the session was ended, whatever policy and revocations have come to say since. Gives its facts. */
  async assertStanding(session: LiveSession, policy: TenantPolicy, budget: Budget): Promise<SessionFacts> {
    const facts = this.facts(session, policy, budget);
    this.assertLive(session, policy, facts);
    if (await this.#options.records.find(session.ticket)) return facts;
    throw new Refusal('session-invalid', 'the session has ended');
  }

  /**
   * What decisions read of a session. Workloads are those that its claims match under this policy, whatever they matched at
   * attestation: who is denied or revoked by now is so in sessions that stand. A revoked one of then stays in.
   */
  facts({ record, ticket }: LiveSession, policy: TenantPolicy, budget = newBudget(), turns = this.turns): SessionFacts {
    const base = {
      tenant: ticket.tenant,
      sessionId: ticket.id,
      user: record.user,
      trust: record.trust,
      claims: record.claims,
      userClaims: record.userClaims,
    };
    const lasting = this.#matchLasting(record, base, policy.policy, turns);
    const before = budget.left;
    const matching = namesOf(lasting, matchTimed(policy.policy, base, this.#options.nowMs(), budget));
    turns.took(ticket.tenant, before - budget.left);
    const isLeft = (name: string): boolean => policy.revocations.has('workload', name) && !matching.includes(name);
    const left = record.workloads.filter(isLeft);
    return { ...base, workloads: left.length === 0 ? matching : [...matching, ...left].sort() };
  }

  #matchLasting(
    record: SessionRecord,
    session: Omit<SessionFacts, 'workloads'>,
    set: CompiledPolicySet,
    turns: QuestionTurns,
  ): Matched {
    const bySession = this.#matched.get(set) ?? new WeakMap<SessionRecord, Matched>();
    this.#matched.set(set, bySession);
    const known = bySession.get(record);
    if (known !== undefined) return known;
    const budget = newBudget();
    const matched = matchLasting(set, session, budget);
    turns.took(session.tenant, QUESTION_STEPS - budget.left);
    bySession.set(record, matched);
    return matched;
  }
}

/** Throws Refusal for a proxy of a release that this one does not serve. A session may have begun at an older control plane. */
export function assertServed(proxyVersion: string): void {
  const skew = describeSkew(proxyVersion, VERSION);
  if (skew !== undefined) throw new Refusal('version-unsupported', skew);
}

function isTrustWithdrawn({ record }: LiveSession, { policy }: TenantPolicy): boolean {
  return record.trust.some((name) => {
    const digest = policy.trustDigests.get(name);
    return digest === undefined || digest !== record.trustDigests[name];
  });
}

/** A metadata entry that is there exactly once. */
function single(metadata: Metadata, key: string): string | undefined {
  const values = metadata.get(key);
  const [value] = values;
  return values.length === 1 && typeof value === 'string' ? value : undefined;
}
