import type { RequestHead, ResponseHead } from '../protocols/heads.ts';
import { STATUS_CODES } from 'node:http';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Answer } from '../../policy-client/index.ts';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import {
  type AgentClaims,
  type BodyTransform,
  type LocalReply,
  NO_CLAIMS,
  removeAgentCredentials,
} from '../credentials/inject.ts';
import { type DialTarget, withClientCertificate } from '../io/dial.ts';
import { scrubHeaders } from '../credentials/scrub-headers.ts';
import { compileScrubber, type Scrubber } from '../credentials/scrub.ts';
import { HeaderList } from '../protocols/header-list.ts';
import { admit, countForwards, OPTIONS_REPLY } from './admission.ts';
import { Call } from './call.ts';
import { buildDestination, type RequestDestination } from './destination.ts';
import { acceptsTrailers, stripHopByHop } from './forwarded-headers.ts';
import { type Prepared, prepareRequest } from './outgoing-request.ts';
import { refusalReply, toRefusal } from './refusal-reply.ts';
import { Refusal } from './refusal.ts';
import { RequestBody } from './request-body.ts';
import { ResponseRelay } from './response-relay.ts';
import { findRoute } from './routing.ts';
import { type PreparedRoute, UNROUTED } from './route-table.ts';
import type { LiveExchange, ProxyServices } from './services.ts';
import { SignedRequest, signedBodyTooLarge, takeExpectation } from './signed-request.ts';
import { Standing } from './standing.ts';
import type { AgentStream, OutgoingRequest, ResponseListener, UpstreamFailure, UpstreamStream } from './streams.ts';
import { WebSocketExchange } from './web-socket.ts';
import { WebSocketOpening } from './web-socket-opening.ts';

type Phase =
  | { readonly name: 'deciding' }
  | { readonly name: 'dialling' }
  | {
      readonly name: 'open';
      readonly target: DialTarget;
      readonly request: OutgoingRequest;
      readonly upstream: UpstreamStream;
    }
  | { readonly name: 'ended' };

const DECIDING: Phase = Object.freeze({ name: 'deciding' });
const ENDED: Phase = Object.freeze({ name: 'ended' });
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** One request and its answer: admit, destination, route, authorize, inject, dial, forward, scrub, record. */
export class Exchange implements ResponseListener, LiveExchange {
  readonly call: Call;
  readonly head: RequestHead;
  deadlineAt: number;
  readonly #services: ProxyServices;
  readonly #agent: AgentStream;
  readonly #body = new RequestBody();
  #phase: Phase = DECIDING;
  readonly #standing: Standing;
  #opening: WebSocketOpening | undefined;
  #webSocket: WebSocketExchange | undefined;
  #prepared: PreparedRoute = UNROUTED;
  #scrubber: Scrubber | undefined;
  #acceptsTrailers = false;
  #claims: AgentClaims = NO_CLAIMS;
  #signed: SignedRequest | undefined;
  #transform: BodyTransform | undefined;
  #retried = false;
  #relay: ResponseRelay | undefined;

  constructor(services: ProxyServices, agent: AgentStream, head: RequestHead) {
    this.#services = services;
    this.#agent = agent;
    this.head = head;
    this.call = new Call(head.method);
    this.deadlineAt = services.clock.now() + services.limits.responseTimeoutMs;
    this.#standing = new Standing(services.client, services.clock);
    services.live.add(this);
  }

  get standing(): Grant | undefined {
    return this.#standing.grant;
  }

  get leaseEndsAt(): number {
    return this.#standing.leaseEndsAt;
  }

  /** False while request events must wait in the agent's stream. */
  get acceptsRequest(): boolean {
    return this.#webSocket?.acceptsAgent ?? this.#body.accepts;
  }

  start(): void {
    try {
      const { head } = this;
      admit(head, this.#services.via);
      this.#opening = WebSocketOpening.of(head);
      const destination = buildDestination(this.#agent.transport, head, this.#services.routes.pathForms);
      this.call.destination = destination;
      if (countForwards(head)) return this.#answer(OPTIONS_REPLY, Outcome.OUTCOME_DENIED, 'method-refused');
      const route = findRoute(this.#services, destination);
      if (route !== undefined) this.#prepared = route;
      this.call.route = route?.route;
      this.#authorize(destination);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #authorize(destination: RequestDestination): void {
    const { head } = this;
    const { route } = this.#prepared;
    this.#acceptsTrailers = acceptsTrailers(head.headers);
    stripHopByHop(head.headers);
    const given = { headers: head.headers, query: destination.query };
    const { removed, query, claims } = removeAgentCredentials(given, route);
    this.call.removedCredentials = removed;
    this.#claims = claims;
    if (route === undefined) return this.#forward(destination, undefined);
    const question = {
      destination: { scheme: destination.scheme, host: destination.host, port: destination.port },
      method: head.method,
      path: destination.path,
      query: this.#prepared.readsQuery ? query : undefined,
      headers: this.#prepared.readsHeaders ? headerFacts(head.headers) : undefined,
      route,
    };
    const cleaned = query === destination.query ? destination : { ...destination, query };
    const answer = this.#standing.ask(question);
    if (answer instanceof Promise) {
      answer.then((later) => this.#decided(cleaned, later)).catch((error: unknown) => this.#refuse(error));
    } else this.#decide(cleaned, answer);
  }

  #decided(destination: RequestDestination, answer: Answer): void {
    if (this.#phase.name !== 'deciding') return;
    this.#decide(destination, answer);
    // On a kept connection the exchange is open at once, and the request's body has been waiting.
    if (this.acceptsRequest) this.#agent.resumeRequest();
  }

  #decide(destination: RequestDestination, answer: Answer): void {
    this.call.fromCache = answer.fromCache;
    if (answer.kind === 'denial') {
      throw new Refusal(answer.reason, answer.message, { accessPolicy: answer.accessPolicy ?? '' });
    }
    this.call.grant = answer.grant;
    this.#standing.allow(answer.grant);
    this.#forward(destination, answer.grant);
  }

  #forward(destination: RequestDestination, grant: Grant | undefined): void {
    const prepared = prepareRequest(this.head, destination, grant, {
      route: this.#prepared,
      via: this.#services.via,
      acceptsTrailers: this.#acceptsTrailers,
      claims: this.#claims,
    });
    if (prepared.reply !== undefined) return this.#answer(prepared.reply, Outcome.OUTCOME_ALLOWED, 'ok');
    this.#scrubber = prepared.secrets === undefined ? undefined : compileScrubber(prepared.secrets);
    this.#signed = new SignedRequest(prepared.signatures, this.#services);
    if (this.#signed.needsWholeBody) return this.#holdBody(destination, prepared);
    this.#send(destination, prepared, undefined);
  }

  /** For a signature that must read all of the body before the head is sent. */
  #holdBody(destination: RequestDestination, prepared: Prepared): void {
    const { maxSignedBodyBytes, bodyIdleTimeoutMs } = this.#services.limits;
    this.#extend(bodyIdleTimeoutMs);
    if (takeExpectation(this.head)) {
      this.#agent.sendInformational(100, new HeaderList());
      this.#agent.flush();
    }
    this.#body.hold(maxSignedBodyBytes, signedBodyTooLarge(maxSignedBodyBytes), (body) =>
      this.#send(destination, prepared, body),
    );
  }

  #send(destination: RequestDestination, prepared: Prepared, body: Buffer | undefined): void {
    this.#transform = this.#signed?.sign(body, prepared.body);
    this.call.upstreamStartedAt = performance.now();
    this.#opening?.write(prepared.request.headers);
    const versions = this.#opening === undefined ? 'any' : 'http/1.1';
    const target = this.#prepared.dialTarget(destination.scheme, destination.host, destination.port, versions);
    const { clientCertificate } = prepared;
    const way = clientCertificate === undefined ? target : withClientCertificate(target, clientCertificate);
    this.#connect(way, prepared.request, false);
  }

  #connect(target: DialTarget, request: OutgoingRequest, fresh: boolean): void {
    const kept = fresh ? undefined : this.#services.pool.take(target.key);
    if (kept !== undefined) return this.#open(kept, target, request);
    const dialling: Phase = { name: 'dialling' };
    this.#phase = dialling;
    this.#services.pool
      .open(target)
      .then((upstream) => {
        if (this.#phase !== dialling) return upstream.release(false);
        this.#open(upstream, target, request);
        this.#agent.resumeRequest();
      })
      .catch((error: unknown) => this.#refuse(error));
  }

  #open(upstream: UpstreamStream, target: DialTarget, request: OutgoingRequest): void {
    this.#phase = { name: 'open', upstream, target, request };
    this.call.upstreamAddress = upstream.address;
    const { limits } = this.#services;
    const complete = this.#body.done || this.head.framing.kind === 'none';
    this.#extend(complete ? limits.responseTimeoutMs : limits.bodyIdleTimeoutMs);
    upstream.sendHead(request, this);
    if (this.#opening === undefined) this.#body.flow(upstream, this.#transform);
    if (this.#opening !== undefined || this.#body.done) upstream.flush();
  }

  /** A piece of the request's body, in order. */
  onRequestBody(bytes: Buffer): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    if (this.#webSocket !== undefined) this.#webSocket.fromAgent(bytes);
    else this.#guard(() => this.#body.push(bytes));
  }

  onRequestEnd(trailers: HeaderList | undefined): void {
    if (this.#webSocket !== undefined) return this.#webSocket.agentEnded();
    if (trailers !== undefined) {
      stripHopByHop(trailers);
      removeAgentCredentials({ headers: trailers, query: undefined }, this.call.route);
    }
    if (this.#relay === undefined) this.#extend(this.#services.limits.responseTimeoutMs);
    this.#guard(() => this.#body.end(trailers));
    if (this.#body.removed.length > 0) this.call.removedCredentials.push(...this.#body.removed);
  }

  /** All request events of one read were given. */
  onRequestReadDone(): void {
    if (this.#webSocket === undefined) this.#body.flush();
    else this.#webSocket.flush();
  }

  onUpstreamDrain(): void {
    this.#webSocket?.upstreamDrained();
    if (this.#body.drained()) this.#agent.resumeRequest();
  }

  /** The agent takes more again. */
  onAgentDrain(): void {
    this.#webSocket?.agentDrained();
    this.#relay?.resume();
  }

  onInformational(head: ResponseHead): void {
    stripHopByHop(head.headers);
    this.call.scrubbed += scrubHeaders(head.headers, this.#scrubber);
    this.#agent.sendInformational(head.status, head.headers);
  }

  onResponseHead(head: ResponseHead): void {
    if (this.#phase.name !== 'open') return;
    if (this.#signed?.learn(head.status, head.headers) === true && this.#mayRetrySigned()) return this.#retrySigned();
    this.call.upstreamAnsweredAt = performance.now();
    this.call.status = head.status;
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    const { upstream } = this.#phase;
    this.#guard(() => {
      if (this.#openWebSocket(head, upstream)) return;
      // No such upgrade was asked for (RFC 9110 15.2.2): what follows would be bytes that nobody reads.
      if (head.status === 101) throw new Refusal('upstream-malformed', 'the upstream switched protocols');
      this.#relay = new ResponseRelay({
        call: this.call,
        response: head,
        scrubber: this.#scrubber,
        agent: this.#agent,
        upstream,
        via: this.#services.via,
        done: () => this.#complete(),
        failed: (error) => this.#refuse(error),
      });
    });
  }

  #openWebSocket(head: ResponseHead, upstream: UpstreamStream): boolean {
    const agreement = this.#opening?.agreement(head);
    if (agreement === undefined) return false;
    const { headers } = head;
    stripHopByHop(headers);
    this.call.scrubbed += scrubHeaders(headers, this.#scrubber);
    this.#opening?.writeAgreement(headers, agreement);
    upstream.upgrade();
    this.#agent.upgrade(headers);
    this.#agent.flush();
    this.#webSocket = new WebSocketExchange({
      call: this.call,
      agent: this.#agent,
      upstream,
      deflate: agreement.deflate,
      scrubber: this.#scrubber,
      limits: this.#services.limits.webSocket,
      ended: (reason) => this.#webSocketEnded(reason),
    });
    return true;
  }

  #webSocketEnded(reason: Reason): void {
    this.#finish(reason === 'ok' ? Outcome.OUTCOME_ALLOWED : Outcome.OUTCOME_FAILED, reason);
    this.#agent.sendEnd(undefined);
    this.#agent.flush();
    this.#agent.ended();
  }

  onResponseBody(bytes: Buffer): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    if (this.#webSocket === undefined) this.#relay?.body(bytes);
    else this.#webSocket.fromUpstream(bytes);
  }

  onResponseEnd(trailers: HeaderList | undefined): void {
    if (this.#webSocket === undefined) this.#relay?.end(trailers);
    else this.#webSocket.upstreamEnded();
  }

  onReadDone(): void {
    if (this.#webSocket !== undefined) this.#webSocket.flush();
    else if (this.#relay === undefined) this.#agent.flush();
    else this.#relay.flush();
  }

  onUpstreamError(error: Refusal, failure: UpstreamFailure): void {
    const phase = this.#phase;
    if (phase.name !== 'open') return;
    if (!this.#mayRetry(failure)) return this.#refuse(error);
    this.#retried = true;
    this.#body.detach();
    this.#connect(phase.target, phase.request, true);
  }

  /** RFC 9112 9.3.1, RFC 9113 8.7: sent again once, on a fresh connection, while no byte of a body has gone. */
  #mayRetry({ answered, processed }: UpstreamFailure): boolean {
    if (answered || this.#retried || this.#body.sent) return false;
    return processed === 'never' || (processed === 'perhaps-not' && IDEMPOTENT.has(this.head.method));
  }

  /** RFC 9449 section 9: a proof was refused for want of the server's nonce, so nothing has been done. */
  #mayRetrySigned(): boolean {
    return !this.#retried && !this.#body.sent && this.#body.done && IDEMPOTENT.has(this.head.method);
  }

  #retrySigned(): void {
    if (this.#phase.name !== 'open') return;
    const { upstream, target, request } = this.#phase;
    this.#retried = true;
    this.#body.detach();
    upstream.release(false);
    this.#guard(() => {
      this.#signed?.sign(undefined, undefined);
      this.#connect(target, request, true);
    });
  }

  onAgentClosed(): void {
    if (this.#phase.name === 'ended') return;
    this.#finish(Outcome.OUTCOME_FAILED, 'agent-closed');
  }

  /** Agent's request turned out malformed after its head. */
  onRequestError(error: Refusal): void {
    this.#refuse(error);
  }

  cut(reason: Reason): void {
    if (this.#phase.name === 'ended') return;
    if (this.#webSocket !== undefined) return this.#webSocket.cut(reason);
    if (this.#relay === undefined) return this.#refuse(new Refusal(reason, 'the access was revoked'));
    this.#finish(Outcome.OUTCOME_FAILED, reason);
    this.#agent.abort();
  }

  expire(): void {
    if (this.#relay !== undefined || this.#webSocket !== undefined) this.cut('upstream-timeout');
    else this.#refuse(new Refusal(this.#body.done ? 'upstream-timeout' : 'body-timeout', 'the call took too long'));
  }

  reauthorize(): void {
    if (this.#phase.name === 'ended') return;
    if (this.#standing.isUnasked) return this.#cutIfGoverned();
    this.#standing.renew((reason) => this.cut(reason));
  }

  /** An observed host that policy covers by now is no longer merely observed. */
  #cutIfGoverned(): void {
    const { destination } = this.call;
    if (destination === undefined || this.#prepared !== UNROUTED) return;
    if (this.#services.routes.find(destination.host, destination.port) !== undefined) this.cut('no-policy');
  }

  #extend(byMs: number): void {
    this.deadlineAt = this.#services.clock.now() + byMs;
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #complete(): void {
    if (this.#phase.name !== 'open') return;
    const { upstream } = this.#phase;
    this.#phase = ENDED;
    upstream.release(this.#body.done);
    this.#record(Outcome.OUTCOME_ALLOWED, 'ok');
    this.#agent.ended();
  }

  /** The proxy's own answer, in place of the upstream's. */
  #answer({ status, headers, body }: LocalReply, outcome: Outcome, reason: Reason): void {
    this.call.status = status;
    const length = body.length > 0 && this.head.method !== 'HEAD' ? 'declared' : 'none';
    this.#agent.sendHead(status, STATUS_CODES[status] ?? '', HeaderList.from(headers), length);
    if (length === 'declared') {
      this.#agent.sendBody(body);
      this.#agent.sendEnd(undefined);
    }
    this.#agent.flush();
    this.#finish(outcome, reason);
    this.#agent.ended();
  }

  #refuse(error: unknown): void {
    if (this.#phase.name === 'ended') return;
    const refusal = toRefusal(error);
    const allowed = this.call.grant !== undefined || this.#phase.name === 'open';
    if (this.#relay !== undefined) {
      this.#finish(Outcome.OUTCOME_FAILED, refusal.reason);
      return this.#agent.abort();
    }
    refusalReply(refusal, this.call, this.head, this.#agent);
    this.#finish(allowed ? Outcome.OUTCOME_FAILED : Outcome.OUTCOME_DENIED, refusal.reason);
    this.#agent.ended();
  }

  #finish(outcome: Outcome, reason: Reason): void {
    const phase = this.#phase;
    this.#phase = ENDED;
    this.#body.drop();
    if (phase.name === 'open') phase.upstream.release(false);
    this.#relay?.abort();
    this.#record(outcome, reason);
  }

  #record(outcome: Outcome, reason: Reason): void {
    this.#services.live.delete(this);
    this.#services.ended(this.call, outcome, reason);
  }
}

function headerFacts(headers: HeaderList): { name: string; value: string }[] {
  const facts: { name: string; value: string }[] = [];
  for (const [name, value] of headers.entries()) facts.push({ name: name.toLowerCase(), value });
  return facts;
}
