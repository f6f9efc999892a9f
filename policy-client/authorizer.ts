import type { Grant } from '../proto/gen/sidekey/v1/grant.ts';
import type { AuthorizeResponse } from '../proto/gen/sidekey/v1/proxy.ts';
import type { AskPort, AuthorizerOptions } from './authorizer-options.ts';
import { denialValidity, grantValidity, refuseGrant } from './check-grant.ts';
import { denial, denialReason, mayPass } from './denial.ts';
import { durationMs } from './durations.ts';
import { maskGrant } from './mask-grant.ts';
import { hasUnknownFact, questionFacts, questionKey } from './question-key.ts';
import { standingOfGrant } from './revocation-set.ts';
import { SharedFlights } from './shared-flights.ts';
import type { Answer, DenialAnswer, Question, SessionState } from './types.ts';

// An answer older than the snapshot is asked for again, but not forever.
const MAX_ATTEMPTS = 4;
const BEHIND_RETRY_MS = 20;

interface Pending {
  readonly id: number;
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
  key: string;
  port: AskPort | undefined;
  attempts: number;
}

/** Answers questions from the cache or by asking; one question in flight for each decision tuple. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #flights = new SharedFlights();
  #session: SessionState | undefined;
  #port: AskPort | undefined;
  #connected = false;
  #downSinceMs: number;
  #graceTimer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #waiters = 0;
  #closed = false;
  hits = 0;
  misses = 0;
  staleHits = 0;
  asked = 0;
  timeouts = 0;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#downSinceMs = options.monotonicMs();
  }

  get pending(): number {
    return this.#waiters;
  }

  /** The session whose grants count; another one's are never found again. */
  setSession(session: SessionState | undefined): void {
    if (session?.id !== this.#session?.id) this.#options.cache.clear();
    this.#session = session;
  }

  /** Whether revocations arrive, so that leases are renewed by asking instead of by fail mode. */
  setConnected(connected: boolean): void {
    if (connected === this.#connected) return;
    this.#connected = connected;
    clearTimeout(this.#graceTimer);
    if (connected) {
      this.#sendUnsent();
      return;
    }
    this.#downSinceMs = this.#options.monotonicMs();
    this.#graceTimer = undefined;
    this.#failUnsent(this.#isHopeless());
    this.#armGrace();
  }

  #armGrace(): void {
    if (this.#connected || this.#graceTimer !== undefined) return;
    const graceEndsMs = this.#downSinceMs + this.#options.limits.reconnectGraceMs;
    this.#graceTimer = setTimeout(
      () => {
        this.#graceTimer = undefined;
        if (!this.#connected) this.#failUnsent(true);
      },
      Math.max(0, graceEndsMs - this.#options.monotonicMs()),
    );
    this.#graceTimer.unref();
  }

  /** Takes the stream for new questions; those that a lost stream left unanswered go out again. */
  setPort(port: AskPort | undefined): void {
    this.#port = port;
    if (port !== undefined) this.#sendUnsent();
  }

  /** The stream is gone with its answers. */
  portLost(port: AskPort): void {
    if (this.#port === port) this.#port = undefined;
    for (const pending of this.#pending.values()) if (pending.port === port) pending.port = undefined;
    if (!this.#connected) this.#failUnsent(this.#isHopeless());
    else this.#sendUnsent();
  }

  /** True when no question waits on this stream. */
  isIdle(port: AskPort): boolean {
    for (const pending of this.#pending.values()) if (pending.port === port) return false;
    return true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#graceTimer);
    for (const pending of [...this.#pending.values()]) this.#finish(pending, denial('draining'));
  }

  authorize(question: Question): Answer | Promise<Answer> {
    const session = this.#session;
    if (session === undefined) return this.#miss('', question);
    const key = questionKey(question, session.id);
    const { cache, monotonicMs, nowMs } = this.#options;
    const answer = cache.take(key, monotonicMs(), nowMs(), !this.#connected);
    if (answer === undefined) return this.#miss(key, question);
    this.hits += 1;
    if (answer.kind === 'grant' && answer.stale) this.staleHits += 1;
    return answer;
  }

  #miss(key: string, question: Question): Answer | Promise<Answer> {
    this.misses += 1;
    const refusal = this.#refuse(question);
    if (refusal !== undefined) return refusal;
    if (key === '') return this.#ask(key, question);
    const flight = this.#flights.find(key);
    if (flight !== undefined) return this.#follow(flight, key, question);
    const promise = this.#ask(key, question);
    this.#flights.add(key, promise);
    return promise;
  }

  /** What can be answered without asking, which is only ever no. */
  #refuse(question: Question): DenialAnswer | undefined {
    const { limits, revocations, tenant } = this.#options;
    if (this.#closed) return denial('draining');
    if (this.#waiters >= limits.maxPendingQuestions) return denial('overloaded');
    if (hasUnknownFact(question))
      return denial('internal-error', 'The route asks for a fact that this proxy does not know.');
    const session = this.#session;
    if (session !== undefined) {
      const revoked = revocations.find({
        tenant,
        sessionId: session.id,
        workloads: session.workloads,
        user: session.user,
      });
      if (revoked !== undefined) return denial(revoked);
    }
    if (!this.#connected && this.#isHopeless()) return denial(this.#options.downReason());
    return undefined;
  }

  /** Waits for the same question's answer: a denial or a cached grant is shared, a grant for one call is not. */
  async #follow(flight: Promise<Answer>, key: string, question: Question): Promise<Answer> {
    this.#waiters += 1;
    let first: Answer;
    try {
      first = await flight;
    } finally {
      this.#waiters -= 1;
    }
    if (first.kind === 'denial') return first;
    const { cache, monotonicMs, nowMs } = this.#options;
    const held = cache.take(key, monotonicMs(), nowMs(), !this.#connected);
    if (held !== undefined) return held;
    return this.#refuse(question) ?? (await this.#ask(key, question));
  }

  #ask(key: string, question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const timer = setTimeout(() => this.#timeOut(id), this.#options.limits.authorizeTimeoutMs);
      const pending: Pending = { id, question, resolve, timer, key, port: undefined, attempts: 0 };
      this.#pending.set(id, pending);
      this.#waiters += 1;
      if (this.#connected) this.#send(pending);
      else this.#armGrace();
    });
  }

  #send(pending: Pending): void {
    const port = this.#port;
    if (port === undefined || !this.#connected) return;
    const { question } = pending;
    // The session may have changed since the question came in.
    pending.key = questionKey(question, port.session.state.id);
    pending.port = port;
    pending.attempts += 1;
    this.asked += 1;
    port.ask({
      id: pending.id,
      destination: question.destination,
      http: questionFacts(question),
      dryRun: question.dryRun === true,
      deadlineMs: this.#options.limits.authorizeTimeoutMs,
    });
  }

  #sendUnsent(): void {
    for (const pending of this.#pending.values()) {
      if (pending.port !== undefined) continue;
      if (pending.attempts >= MAX_ATTEMPTS) this.#finish(pending, denial('control-plane-unavailable'));
      else this.#send(pending);
    }
  }

  /** The link is down: what the fail mode allows is answered, the rest waits for the grace to end. */
  #failUnsent(graceOver: boolean): void {
    const { cache, monotonicMs, nowMs, downReason } = this.#options;
    for (const pending of [...this.#pending.values()]) {
      const held = cache.take(pending.key, monotonicMs(), nowMs(), true);
      if (held !== undefined) this.#finish(pending, held);
      else if (graceOver) this.#finish(pending, denial(downReason()));
    }
  }

  /** True when no question should wait for the link any more. */
  #isHopeless(): boolean {
    if (!mayPass(this.#options.downReason())) return true;
    return this.#options.monotonicMs() - this.#downSinceMs >= this.#options.limits.reconnectGraceMs;
  }

  #timeOut(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.timeouts += 1;
    this.#finish(pending, denial(this.#connected ? 'authorize-timeout' : this.#options.downReason()));
  }

  #finish(pending: Pending, answer: Answer): void {
    if (!this.#pending.delete(pending.id)) return;
    clearTimeout(pending.timer);
    this.#waiters -= 1;
    pending.resolve(answer);
  }

  /** An answer came on this stream. */
  receive(port: AskPort, response: AuthorizeResponse): void {
    const pending = this.#pending.get(response.id);
    if (pending === undefined || pending.port !== port) return;
    const { outcome } = response;
    switch (outcome?.$case) {
      case 'grant':
        this.#receiveGrant(pending, port, outcome.value);
        return;
      case 'denial': {
        const { reason, message, accessPolicy, cacheLease } = outcome.value;
        const answer = denial(denialReason(reason), message, accessPolicy);
        const validity = denialValidity(durationMs(cacheLease), this.#options.monotonicMs(), this.#options.nowMs());
        if (validity !== undefined && this.#mayCache(port))
          this.#options.cache.putDenial(pending.key, answer, validity);
        this.#finish(pending, answer);
        return;
      }
      default:
        this.#finish(pending, denial('internal-error', 'The control plane gave no answer that this proxy knows.'));
    }
  }

  #receiveGrant(pending: Pending, port: AskPort, grant: Grant): void {
    const { cache, nowMs, monotonicMs, policyVersion, revocations, tenant } = this.#options;
    const session = port.session.state;
    const nowWallMs = nowMs();
    // Events come on another stream, so an answer may be older than what is known by now.
    const refused =
      refuseGrant(grant, pending.question, session, nowWallMs) ?? revocations.find(standingOfGrant(grant, tenant));
    if (refused !== undefined) return this.#finish(pending, denial(refused));
    if (grant.policyVersion !== 0 && grant.policyVersion < policyVersion()) return this.#askAgain(pending);
    maskGrant(grant);
    const validity = grantValidity(grant, session, monotonicMs(), nowWallMs);
    if (validity === undefined) this.#flights.markSolo(pending.key);
    else if (this.#mayCache(port)) cache.putGrant(pending.key, grant, validity);
    this.#finish(pending, { kind: 'grant', grant, fromCache: false, stale: false });
  }

  #askAgain(pending: Pending): void {
    pending.port = undefined;
    if (pending.attempts >= MAX_ATTEMPTS) {
      this.#finish(pending, denial('control-plane-unavailable', 'The control plane answers by an older policy.'));
      return;
    }
    setTimeout(() => {
      if (this.#pending.has(pending.id) && pending.port === undefined) this.#send(pending);
    }, BEHIND_RETRY_MS).unref();
  }

  /** Only what events can still take back is held. */
  #mayCache(port: AskPort): boolean {
    return this.#connected && this.#session?.id === port.session.state.id && !this.#options.revocations.overflowed;
  }
}
