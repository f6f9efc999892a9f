import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { LocalReply } from '../credentials/inject.ts';
import { scrubHeaders } from '../credentials/scrubbing/scrub-headers.ts';
import type { ListedThing } from '../inspection/answer-filter.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import type { RequestHead, ResponseHead } from '../protocols/heads.ts';
import { type Refusal, timedOut, withdrawn } from '../refusal.ts';
import { type AnswerOwner, type AnswerPath, openAnswer } from './answer/answer-path.ts';
import { Call } from './call.ts';
import { ENDED, type Phase, PREPARING } from './exchange-phase.ts';
import { stripInterim } from './forwarded-headers.ts';
import { type Departure, Preparation, type PreparationEnd } from './request/preparation.ts';
import { refusalOf, refusalReply, replyWhole } from './answer/refusal-reply.ts';
import { RequestBody, type RequestPath } from './request/request-body.ts';
import { cleanTrailers } from './request/request-trailers.ts';
import type { LiveExchange, ProxyServices } from './services.ts';
import { Standing } from './standing.ts';
import type { AgentStream, ResponseListener, UpstreamFailure, UpstreamStream } from './streams.ts';
import { Retry } from './retry.ts';
import { WebSocketExchange } from './answer/web-socket.ts';

/** One request and its answer, from its head to its record: prepared, sent, answered, ended. */
export class Exchange implements ResponseListener, LiveExchange, PreparationEnd, AnswerOwner {
  readonly call: Call;
  readonly head: RequestHead;
  readonly standing: Standing;
  deadlineAt: number;
  seat = -1;
  readonly #services: ProxyServices;
  readonly #agent: AgentStream;
  readonly #body: RequestBody;
  /** What the agent sends goes this way: the body, or the WebSocket once there is one. */
  #request: RequestPath;
  readonly #preparation: Preparation;
  #phase: Phase = PREPARING;
  #retries: Retry | undefined;
  /** How the answer reaches the agent, once there is one. */
  #answer: AnswerPath | undefined;

  constructor(services: ProxyServices, agent: AgentStream, head: RequestHead) {
    this.#services = services;
    this.#agent = agent;
    this.head = head;
    this.call = new Call(head.method);
    this.call.session = services.client.session();
    this.#body = new RequestBody(services.held);
    this.#request = this.#body;
    this.deadlineAt = services.monotonicMs() + services.limits.responseTimeoutMs;
    this.standing = new Standing(services.client, services.clock);
    this.#preparation = new Preparation(
      { services, agent, head, call: this.call, body: this.#body, standing: this.standing },
      this,
    );
    services.live.add(this);
  }

  /** False while request events must wait in the agent's stream. */
  get acceptsRequest(): boolean {
    return this.#request.acceptsAgent;
  }

  start(): void {
    this.#preparation.start();
  }

  isOver(): boolean {
    return this.#phase.name === 'ended';
  }

  awaitBody(): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
  }

  depart(departure: Departure): void {
    this.call.upstreamStartedAt = performance.now();
    this.#connect(departure, false);
  }

  #connect(departure: Departure, fresh: boolean): void {
    const { pool } = this.#services;
    const use = departure.opening === undefined ? 'exchange' : 'web-socket';
    const kept = fresh ? undefined : pool.take(departure.target, use);
    if (kept !== undefined) return this.#open(kept, departure);
    const dialling: Phase = { name: 'dialling' };
    this.#phase = dialling;
    pool
      .open(departure.target, use)
      .then((upstream) => {
        if (this.#phase !== dialling) return upstream.release(false);
        this.#open(upstream, departure);
      })
      .catch((error: unknown) => this.refuse(error));
  }

  #open(upstream: UpstreamStream, departure: Departure): void {
    const { limits } = this.#services;
    this.#phase = { name: 'open', upstream, departure };
    this.call.upstreamAddress = upstream.address;
    const complete = this.#body.done || this.head.framing.kind === 'none';
    this.#extend(complete ? limits.responseTimeoutMs : limits.bodyIdleTimeoutMs);
    upstream.sendHead(departure.request, this);
    const { opening, transform } = departure;
    if (opening === undefined) this.#body.flow(upstream, transform);
    if (opening !== undefined || this.#body.done) upstream.flush();
    else this.#agent.resumeRequest();
  }

  /** A piece of the request's body, in order. */
  onRequestBody(bytes: Buffer): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    this.#guard(() => this.#request.fromAgent(bytes));
  }

  onRequestEnd(trailers: HeaderList | undefined): void {
    const hadContent = this.head.framing.kind !== 'none';
    if (hadContent && this.#answer === undefined) this.#extend(this.#services.limits.responseTimeoutMs);
    this.#guard(() => {
      if (trailers !== undefined) this.call.removedCredentials.push(...cleanTrailers(trailers, this.call.route));
      this.#request.agentEnded(trailers);
    });
    if (this.#body.removed.length > 0) this.call.removedCredentials.push(...this.#body.removed);
  }

  /** All request events of one read were given. */
  onRequestReadDone(): void {
    this.#request.flush();
  }

  onUpstreamDrain(): void {
    if (this.#request.upstreamDrained()) this.#agent.resumeRequest();
  }

  /** The agent takes more again. */
  onAgentDrain(): void {
    this.#answer?.agentDrained();
  }

  onInformational(head: ResponseHead): void {
    if (this.#phase.name !== 'open') return;
    stripInterim(head.headers);
    this.call.scrubbed += scrubHeaders(head.headers, this.#phase.departure);
    this.#agent.sendInformational(head.status, head.headers);
  }

  onResponseHead(head: ResponseHead): void {
    if (this.#phase.name !== 'open') return;
    const { departure, upstream } = this.#phase;
    if (departure.signed.learn(head.status, head.headers) && this.#retry.signedAnew()) {
      upstream.release(false);
      return this.#sendAgain(departure);
    }
    this.#body.forget();
    const { via, limits } = this.#services;
    this.call.upstreamAnsweredAt = performance.now();
    this.call.status = head.status;
    this.#extend(limits.bodyIdleTimeoutMs);
    const parts = { call: this.call, agent: this.#agent, upstream, via, limits: limits.webSocket, owner: this };
    try {
      const answer = openAnswer(head, departure, parts);
      this.#answer = answer;
      if (answer instanceof WebSocketExchange) this.#request = answer;
    } catch (error) {
      this.refuse(error);
    }
  }

  askListed(things: readonly ListedThing[]): Promise<boolean[]> {
    return this.standing.askListed(things);
  }

  webSocketEnded(reason: Reason): void {
    if (this.#phase.name === 'open') this.#phase.upstream.sendEnd(undefined);
    this.#finish(reason === 'ok' ? Outcome.OUTCOME_ALLOWED : Outcome.OUTCOME_FAILED, reason);
    this.#agent.sendEnd(undefined);
    this.#agent.flush();
    this.#agent.ended();
  }

  onResponseBody(bytes: Buffer): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    this.#answer?.fromUpstream(bytes);
  }

  onResponseEnd(trailers: HeaderList | undefined): void {
    this.#answer?.upstreamEnded(trailers);
  }

  onReadDone(): void {
    if (this.#answer === undefined) this.#agent.flush();
    else this.#answer.flush();
  }

  onUpstreamError(error: Refusal, failure: UpstreamFailure): void {
    if (this.#phase.name !== 'open') return;
    if (!this.#retry.after(failure)) return this.refuse(error);
    this.#sendAgain(this.#phase.departure);
  }

  #sendAgain(departure: Departure): void {
    this.#body.detach();
    this.#guard(() => {
      departure.signed.signAnew();
      this.#connect({ ...departure, scrubber: departure.signed.scrubber() }, true);
    });
  }

  get #retry(): Retry {
    return (this.#retries ??= new Retry(this.head.method, this.#body));
  }

  onAgentClosed(): void {
    if (this.#phase.name === 'ended') return;
    this.#finish(Outcome.OUTCOME_FAILED, 'agent-closed');
  }

  cut(reason: Reason): void {
    if (this.#phase.name === 'ended') return;
    if (this.#answer instanceof WebSocketExchange) return this.#answer.cut(reason);
    this.refuse(withdrawn(reason));
  }

  expire(): void {
    if (this.#answer instanceof WebSocketExchange) this.#answer.cut('upstream-timeout');
    else this.refuse(timedOut(this.#answer !== undefined, this.#body.done));
  }

  reauthorize(): void {
    if (this.#phase.name === 'ended') return;
    if (!this.standing.isUnasked) this.standing.renew((reason) => this.cut(reason));
    else if (this.#preparation.isGovernedByNow) this.cut('no-policy');
  }

  #extend(byMs: number): void {
    this.deadlineAt = this.#services.monotonicMs() + byMs;
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.refuse(error);
    }
  }

  relayed(): void {
    if (this.#phase.name !== 'open') return;
    const { upstream, departure } = this.#phase;
    this.#phase = ENDED;
    // A request to open a WebSocket has no content, so that nobody waited for its end.
    upstream.release(this.#body.done || departure.opening !== undefined);
    this.#record(Outcome.OUTCOME_ALLOWED, 'ok');
    this.#agent.ended();
  }

  answer(reply: LocalReply, allowed: boolean): void {
    this.call.status = reply.status;
    replyWhole(this.#agent, this.head.method, reply);
    if (allowed) this.#finish(Outcome.OUTCOME_ALLOWED, 'ok');
    else this.#finish(Outcome.OUTCOME_DENIED, 'method-refused');
    this.#agent.ended();
  }

  /** Ends the call: in words while no answer has begun, else so that the agent cannot take what it has for whole. */
  refuse(error: unknown): void {
    if (this.#phase.name === 'ended') return;
    const refusal = refusalOf(error, this.call);
    const allowed = !refusal.denies && (this.call.grant !== undefined || this.#phase.name === 'open');
    if (this.#answer !== undefined) {
      this.#finish(Outcome.OUTCOME_FAILED, refusal.reason);
      return this.#agent.abort(this.#answer.lastWords(refusal));
    }
    try {
      refusalReply(refusal, this.call, this.head, this.#agent);
    } catch (fault) {
      this.#finish(Outcome.OUTCOME_FAILED, refusalOf(fault, this.call).reason);
      return this.#agent.abort();
    }
    this.#finish(allowed ? Outcome.OUTCOME_FAILED : Outcome.OUTCOME_DENIED, refusal.reason);
    this.#agent.ended();
  }

  #finish(outcome: Outcome, reason: Reason): void {
    const phase = this.#phase;
    this.#phase = ENDED;
    this.#body.drop();
    if (phase.name === 'open') phase.upstream.release(false);
    this.#answer?.abort();
    this.#record(outcome, reason);
  }

  #record(outcome: Outcome, reason: Reason): void {
    this.#services.live.delete(this);
    // A WebSocket has counted its own.
    this.call.requestBytes += this.#body.bytes;
    this.#services.ended(this.call, outcome, reason);
  }
}
