import { expect, vi } from 'vitest';
import { Authorizer } from '../../../policy-client/authorize/authorizer.ts';
import type { AskPort } from '../../../policy-client/authorize/authorizer-options.ts';
import { GrantCache } from '../../../policy-client/authorize/grant-cache.ts';
import { DEFAULT_LIMITS } from '../../../policy-client/limits.ts';
import type { Answer, Question, SessionState } from '../../../policy-client/types.ts';
import type { PolicyName } from '../../../policy-client/watch/policy-name.ts';
import { RevocationSet } from '../../../policy-client/watch/revocation-set.ts';
import { RouteVersions } from '../../../policy-client/watch/route-versions.ts';
import { Denial, Grant } from '../../../proto/gen/sidekey/v1/grant.ts';
import type { AuthorizeRequest, AuthorizeResponse } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { question, ROUTE } from './policy-client.ts';

const LEASE = { seconds: 30, nanos: 0 };

/** A stream that nobody is at the other end of. */
export class Port implements AskPort {
  readonly asked: AuthorizeRequest[] = [];
  readonly session: { readonly state: SessionState };

  constructor(id = 's1') {
    this.session = { state: { id, workloads: ['agent'], user: undefined, claims: {}, notAfter: Date.now() + 90_000 } };
  }

  get last(): AuthorizeRequest {
    return this.asked.at(-1) ?? expect.unreachable('nothing was asked');
  }

  ask(request: AuthorizeRequest): void {
    this.asked.push(request);
  }
}

/** An authorizer with its link up, by clocks that the test moves (`vi.useFakeTimers`). */
export class Asking {
  readonly cache = new GrantCache(10);
  readonly revocations = new RevocationSet(1);
  readonly policy: PolicyName = { policyVersion: 2, policyChange: 'b' };
  downReason: Reason = 'control-plane-unavailable';
  port = new Port();
  readonly authorizer = new Authorizer({
    tenant: 'acme',
    cache: this.cache,
    revocations: this.revocations,
    limits: { ...DEFAULT_LIMITS, maxPendingQuestions: 3, authorizeTimeoutMs: 1_000, reconnectGraceMs: 500 },
    nowMs: () => Date.now(),
    monotonicMs: () => Date.now(),
    policy: () => this.policy,
    routeVersions: new RouteVersions(),
    downReason: () => this.downReason,
  });

  constructor() {
    this.authorizer.setSession(this.port.session.state);
    this.authorizer.setConnected(true);
    this.authorizer.setPort(this.port);
  }

  now(changes: Partial<Question> = {}): Answer | Promise<Answer> {
    return this.authorizer.authorize(question(changes));
  }

  /** What came of a question so far. */
  put(changes: Partial<Question> = {}): { answer: Answer | undefined } {
    const put: { answer: Answer | undefined } = { answer: undefined };
    void Promise.resolve(this.now(changes)).then((answer) => (put.answer = answer));
    return put;
  }

  async answer(outcome: AuthorizeResponse['outcome'], on = this.port, id = on.last.id): Promise<void> {
    this.authorizer.receive(on, { id, outcome });
    await vi.advanceTimersByTimeAsync(0);
  }

  /** Answers the last question. */
  async grant(changes: Partial<Grant> = {}, on = this.port): Promise<void> {
    const { destination, http } = on.last;
    const asked = { ...(http && { method: http.method }), ...(destination && { destination }) };
    const binding = { sessionId: on.session.state.id, serverWorkload: ROUTE.serverWorkload, ...asked };
    const times = { notAfter: new Date(Date.now() + 60_000), cacheLease: LEASE };
    const value = Grant.fromPartial({ id: 'g', binding, ...times, ...this.policy, ...changes });
    await this.answer({ $case: 'grant', value }, on);
  }

  async deny(reason: Reason, on = this.port, id = on.last.id): Promise<void> {
    const value = Denial.fromPartial({ reason: REASONS[reason].number, cacheLease: LEASE });
    await this.answer({ $case: 'denial', value }, on, id);
  }
}
