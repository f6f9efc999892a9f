import type { Denial, Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { AuthorizeResponse } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { AskPort, AuthorizerOptions } from './authorizer-options.ts';
import { denialValidity, grantValidity, refuseGrant } from './check-grant.ts';
import { denial, denialReason, isUndecided, mayPass } from '../denial.ts';
import { durationMs } from '../durations.ts';
import { LinkGrace } from './link-grace.ts';
import { maskGrant } from './mask-grant.ts';
import type { Pending } from './pending-question.ts';
import { questionFacts, QuestionKeys, questionKey } from './question-key.ts';
import { refuseQuestion } from './refuse-question.ts';
import { isOfOtherPolicy, isSamePolicy, NO_POLICY } from '../watch/policy-name.ts';
import { standingOfGrant } from '../watch/revocation-set.ts';
import { SharedFlights } from './shared-flights.ts';
import type { Answer, DenialAnswer, Question, SessionState } from '../types.ts';

// An answer older than the snapshot is asked for again, but not forever.
const MAX_ATTEMPTS = 4;
const BEHIND_RETRY_MS = 20;
/** A snapshot and the replica that is asked may take this long to catch up with one another. */
const CATCH_UP_MS = 500;

/** Answers questions from the cache or by asking; one question in flight for each decision tuple. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #flights = new SharedFlights();
  readonly #keys = new QuestionKeys();
  readonly #grace: LinkGrace;
  #session: SessionState | undefined;
  #port: AskPort | undefined;
  #connected = false;
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
    this.#grace = new LinkGrace(options.limits.reconnectGraceMs, options.monotonicMs, () => {
      if (!this.#connected) this.#failUnsent(true);
    });
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
    if (connected) {
      this.#grace.end();
      this.#sendUnsent();
      return;
    }
    this.#grace.begin();
    this.#failUnsent(this.#isHopeless());
  }

  /** Takes the stream for new questions; those that a lost stream left unanswered go out again. */
  setPort(port: AskPort): void {
    this.#port = port;
    this.#sendUnsent();
  }

  /** The stream is gone with its answers. */
  portLost(port: AskPort): void {
    if (this.#port === port) this.#port = undefined;
    for (const pending of this.#pending.values()) if (pending.port === port) pending.port = undefined;
    if (!this.#connected) this.#failUnsent(this.#isHopeless());
    else this.#sendUnsent();
  }

  close(): void {
    this.#closed = true;
    this.#grace.end();
    for (const pending of [...this.#pending.values()]) this.#finish(pending, denial('draining'));
  }

  authorize(question: Question): Answer | Promise<Answer> {
    const session = this.#session;
    if (session === undefined) return this.#miss('', question);
    const key = this.#keys.of(question, session.id);
    const answer = this.#take(key, !this.#connected);
    if (answer === undefined) return this.#miss(key, question);
    this.hits += 1;
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
    if (this.#closed) return denial('draining');
    if (this.#waiters >= this.#options.limits.maxPendingQuestions) return denial('overloaded');
    const refusal = refuseQuestion(question, this.#session, this.#options);
    if (refusal !== undefined) return refusal;
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
    return this.#take(key, !this.#connected) ?? this.#refuse(question) ?? (await this.#ask(key, question));
  }

  #ask(key: string, question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const timer = setTimeout(() => this.#timeOut(id), this.#options.limits.authorizeTimeoutMs);
      const unsent = { port: undefined, attempts: 0, policy: NO_POLICY, denialEra: 0, isBehind: false };
      const pending: Pending = { id, question, resolve, timer, key, ...unsent };
      this.#pending.set(id, pending);
      this.#waiters += 1;
      if (this.#connected) this.#send(pending);
      else this.#grace.arm();
    });
  }

  #send(pending: Pending): void {
    const port = this.#port;
    if (port === undefined || !this.#connected) return;
    const question = this.#options.routeVersions.present(pending.question);
    pending.question = question;
    pending.policy = this.#options.routeVersions.policyOf(question.route);
    pending.denialEra = this.#options.cache.denialEra;
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
      ...pending.policy,
    });
  }

  #sendUnsent(): void {
    for (const pending of this.#pending.values()) {
      if (pending.port !== undefined) continue;
      if (pending.attempts >= MAX_ATTEMPTS) this.#giveUp(pending, denial('control-plane-unavailable'));
      else this.#send(pending);
    }
  }

  /** The link is down: what the fail mode allows is answered, the rest waits for the grace to end. */
  #failUnsent(graceOver: boolean): void {
    for (const pending of [...this.#pending.values()]) {
      const held = this.#take(pending.key, true);
      if (held !== undefined) this.#finish(pending, held);
      else if (graceOver) this.#finish(pending, denial(this.#options.downReason()));
    }
  }

  /** A held answer; `undecided`: nobody can be asked or answers, so that the fail mode counts. */
  #take(key: string, undecided: boolean): Answer | undefined {
    const { cache, monotonicMs, nowMs } = this.#options;
    const held = cache.take(key, monotonicMs(), nowMs(), undecided);
    if (held?.kind === 'grant' && held.stale) this.staleHits += 1;
    return held;
  }

  /** True when no question should wait for the link any more. */
  #isHopeless(): boolean {
    return !mayPass(this.#options.downReason()) || this.#grace.isOver;
  }

  #timeOut(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.timeouts += 1;
    this.#giveUp(pending, denial(this.#connected ? 'authorize-timeout' : this.#options.downReason()));
  }

  /** Nobody decided. */
  #giveUp(pending: Pending, answer: DenialAnswer): void {
    this.#finish(pending, this.#take(pending.key, true) ?? answer);
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
        return this.#receiveGrant(pending, port, outcome.value);
      case 'denial':
        return this.#receiveDenial(pending, port, outcome.value);
      default:
        this.#finish(pending, denial('internal-error', 'The control plane gave no answer that this proxy knows.'));
    }
  }

  #receiveDenial(pending: Pending, port: AskPort, { reason, message, accessPolicy, cacheLease }: Denial): void {
    const answer = denial(denialReason(reason), message, accessPolicy);
    if (answer.reason === 'not-ready' && !pending.isBehind) {
      // The replica's policy reads other facts than these routes said. If it is behind, the same question does once more.
      pending.isBehind = true;
      pending.port = undefined;
      this.#sendLater(pending, CATCH_UP_MS);
      this.policyChanged();
      return;
    }
    if (isUndecided(answer.reason)) return this.#giveUp(pending, answer);
    const { cache, monotonicMs, nowMs } = this.#options;
    // Decided before a change of policy or a lifted revocation that is known by now.
    const isLate = pending.denialEra !== cache.denialEra;
    if (isLate && this.#connected && pending.attempts < MAX_ATTEMPTS) return this.#askAgain(pending);
    const validity = isLate ? undefined : denialValidity(durationMs(cacheLease), monotonicMs(), nowMs());
    if (validity !== undefined && this.#mayCache(port)) cache.putDenial(pending.key, answer, validity);
    this.#finish(pending, answer);
  }

  /** A snapshot has come: what waited for it goes out again. */
  policyChanged(): void {
    const policy = this.#options.policy();
    for (const pending of this.#pending.values()) {
      if (pending.isBehind && pending.port === undefined && !isSamePolicy(policy, pending.policy)) this.#send(pending);
    }
  }

  #receiveGrant(pending: Pending, port: AskPort, grant: Grant): void {
    const { cache, nowMs, monotonicMs, policy, revocations, tenant } = this.#options;
    const session = port.session.state;
    const nowWallMs = nowMs();
    // Events come on another stream, so an answer may be older than what is known by now.
    const refused = refuseGrant(grant, pending.question, session, nowWallMs);
    if (refused !== undefined) return this.#finish(pending, refused);
    const revoked = revocations.find(standingOfGrant(grant, tenant));
    if (revoked !== undefined) return this.#finish(pending, denial(revoked));
    if (isOfOtherPolicy(grant, policy())) return this.#askAgain(pending);
    maskGrant(grant);
    const validity = grantValidity(grant, session, monotonicMs(), nowWallMs);
    if (validity === undefined) this.#flights.markSolo(pending.key);
    const isHeld = validity !== undefined && this.#mayCache(port);
    const given = isHeld ? cache.putGrant(pending.key, grant, validity) : grant;
    this.#finish(pending, { kind: 'grant', grant: given, fromCache: false, stale: false });
  }

  #askAgain(pending: Pending): void {
    pending.port = undefined;
    if (pending.attempts < MAX_ATTEMPTS) return this.#sendLater(pending, BEHIND_RETRY_MS);
    this.#finish(pending, denial('control-plane-unavailable', 'The control plane answers by an older policy.'));
  }

  #sendLater(pending: Pending, ms: number): void {
    const send = () => this.#pending.has(pending.id) && pending.port === undefined && this.#send(pending);
    setTimeout(send, ms).unref();
  }

  /** Only what events can still take back is held. */
  #mayCache(port: AskPort): boolean {
    return this.#connected && this.#session?.id === port.session.state.id && !this.#options.revocations.overflowed;
  }
}
