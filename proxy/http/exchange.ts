import { STATUS_CODES } from 'node:http';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Answer, Question } from '../../policy-client/index.ts';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import { injectCredential, removeAgentCredentials } from '../credentials/inject.ts';
import { scrubHeaders } from '../credentials/scrub-headers.ts';
import { compileScrubber, type Scrubber } from '../credentials/scrub.ts';
import { HeaderList } from '../protocols/header-list.ts';
import type { RequestHead } from '../protocols/http1/request-head.ts';
import type { ResponseHead } from '../protocols/http1/response-head.ts';
import {
  CHUNK_TAIL,
  writeChunkHeader,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from '../protocols/http1/message-writer.ts';
import type { ResponseListener, UpstreamConnection } from '../io/upstream-connection.ts';
import type { Output } from '../io/output.ts';
import { admit, countForwards } from './admission.ts';
import { Call } from './call.ts';
import { buildDestination, type RequestDestination, type Transport } from './destination.ts';
import { stripHopByHop } from './forwarded-headers.ts';
import { leaseEndsAt } from './lease.ts';
import { refusalReply, toRefusal } from './refusal-reply.ts';
import { Refusal } from './refusal.ts';
import { ResponseRelay } from './response-relay.ts';
import { type PreparedRoute, UNROUTED } from './route-table.ts';
import type { LiveExchange, ProxyServices } from './services.ts';

/** The agent's side of an exchange, as the exchange needs it. */
export interface AgentSide {
  readonly output: Output;
  readonly transport: Transport;
  /** The exchange takes request events again. */
  resumeRequest(): void;
  /** The answer is complete, or there will be none. */
  exchangeEnded(keepAlive: boolean): void;
  destroy(): void;
}

type Phase =
  | { readonly name: 'deciding' }
  | { readonly name: 'open'; readonly upstream: UpstreamConnection }
  | { readonly name: 'ended' };

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** One request and its answer: admit, destination, route, authorize, dial, inject, forward, scrub, record. */
export class Exchange implements ResponseListener, LiveExchange {
  readonly call: Call;
  readonly head: RequestHead;
  deadlineAt: number;
  leaseEndsAt = Number.POSITIVE_INFINITY;
  standing: Grant | undefined;
  readonly #services: ProxyServices;
  readonly #agent: AgentSide;
  #phase: Phase = { name: 'deciding' };
  #question: Question | undefined;
  #prepared: PreparedRoute = UNROUTED;
  #requestHead: Buffer = Buffer.alloc(0);
  #scrubber: Scrubber | undefined;
  #requestDone = false;
  #requestBodySent = false;
  #upstreamFull = false;
  #retried = false;
  #relay: ResponseRelay | undefined;

  constructor(services: ProxyServices, agent: AgentSide, head: RequestHead) {
    this.#services = services;
    this.#agent = agent;
    this.head = head;
    this.call = new Call(head.method);
    this.deadlineAt = services.clock.now() + services.limits.responseTimeoutMs;
    services.live.add(this);
  }

  /** False while request events must wait in the agent's reader. */
  get acceptsRequest(): boolean {
    return this.#phase.name === 'open' && !this.#upstreamFull;
  }

  start(): void {
    try {
      admit(this.head, this.#services.via);
      const destination = buildDestination(this.#agent.transport, this.head);
      this.call.destination = destination;
      if (countForwards(this.head)) return this.#answerOptions();
      this.#route(destination);
      this.#authorize(destination);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #route(destination: RequestDestination): void {
    const services = this.#services;
    const { state } = services;
    if (state.draining) throw new Refusal('draining', 'the proxy is shutting down');
    if (!state.ready) throw new Refusal('not-ready', 'the proxy has no policy yet');
    const prepared = services.routes.find(destination.host, destination.port);
    if (prepared === undefined) {
      if (services.unrouted === 'deny')
        throw new Refusal('no-route', `no server workload covers ${destination.authority}`);
      return;
    }
    this.#prepared = prepared;
    this.call.route = prepared.route;
    if (destination.scheme === 'http' && prepared.route?.injectsCredential && !prepared.plaintextAllowed) {
      throw new Refusal('cleartext-refused', 'a credential may not travel over cleartext HTTP');
    }
  }

  #authorize(destination: RequestDestination): void {
    const { route } = this.#prepared;
    stripHopByHop(this.head.headers);
    const { removed, query } = removeAgentCredentials({ headers: this.head.headers, query: destination.query }, route);
    this.call.removedCredentials = removed;
    if (route === undefined) return this.#forward(destination, undefined);
    this.#question = {
      destination: { scheme: destination.scheme, host: destination.host, port: destination.port },
      method: this.head.method,
      path: destination.path,
      query: this.#prepared.readsQuery ? query : undefined,
      headers: this.#prepared.readsHeaders ? headerFacts(this.head.headers) : undefined,
      route,
    };
    const cleaned = query === destination.query ? destination : { ...destination, query };
    const answer = this.#services.client.authorize(this.#question);
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
    this.#stand(answer.grant);
    this.#forward(destination, answer.grant);
  }

  /** Builds the request's head, credential last, and finds a connection for it. */
  #forward(destination: RequestDestination, grant: Grant | undefined): void {
    const { headers } = this.head;
    let { query } = destination;
    // OPTIONS is authorized like any call but carries no credential: its answer may reflect what it was sent.
    if (grant !== undefined && this.head.method !== 'OPTIONS') {
      const injection = injectCredential(grant, {
        destination,
        method: this.head.method,
        path: destination.path,
        headers,
        query,
        cleartextAllowed: this.#prepared.plaintextAllowed,
      });
      query = injection.query;
      if (injection.secrets.length > 0) {
        this.#scrubber = compileScrubber(injection.secrets);
        headers.set('accept-encoding', 'identity');
        // Pieces of an echo would each be too short to be recognised; a whole answer is always allowed (RFC 9110 14.2).
        headers.delete('range');
        headers.delete('if-range');
      }
    }
    headers.set('host', destination.authority);
    headers.append('via', this.#services.via);
    if (this.head.framing.kind === 'chunked') headers.append('transfer-encoding', 'chunked');
    const target = query === undefined ? destination.path : `${destination.path}?${query}`;
    this.#requestHead = writeRequestHead(this.head.method, target, headers);
    this.call.upstreamStartedAt = performance.now();
    this.#connect(destination, false);
  }

  #connect(destination: RequestDestination, fresh: boolean): void {
    const target = this.#prepared.dialTarget(destination.scheme, destination.host, destination.port);
    const kept = fresh ? undefined : this.#services.pool.takeIdle(target.key);
    if (kept !== undefined) return this.#open(kept);
    this.#services.pool
      .open(target)
      .then((upstream) => {
        if (this.#phase.name !== 'deciding') return upstream.destroy();
        this.#open(upstream);
        this.#agent.resumeRequest();
      })
      .catch((error: unknown) => this.#refuse(error));
  }

  #open(upstream: UpstreamConnection): void {
    this.#phase = { name: 'open', upstream };
    this.#upstreamFull = false;
    this.call.upstreamAddress = upstream.address;
    upstream.begin(this, this.head.method);
    const { limits } = this.#services;
    this.#extend(
      this.#requestDone || this.head.framing.kind === 'none' ? limits.responseTimeoutMs : limits.bodyIdleTimeoutMs,
    );
    upstream.output.add(this.#requestHead);
    if (this.#requestDone) upstream.output.flush();
  }

  /** A piece of the request's body, in order. */
  onRequestBody(bytes: Buffer): void {
    this.call.requestBytes += bytes.length;
    if (this.#phase.name !== 'open') return;
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    const { output } = this.#phase.upstream;
    this.#requestBodySent = true;
    const chunked = this.head.framing.kind === 'chunked';
    if (chunked) output.add(writeChunkHeader(bytes.length));
    output.add(bytes);
    if (chunked) output.add(CHUNK_TAIL);
  }

  onRequestEnd(trailers: HeaderList | undefined): void {
    this.#requestDone = true;
    if (this.#phase.name !== 'open') return;
    if (this.#relay === undefined) this.#extend(this.#services.limits.responseTimeoutMs);
    const { output } = this.#phase.upstream;
    if (this.head.framing.kind !== 'chunked') return;
    if (trailers !== undefined) {
      stripHopByHop(trailers);
      removeAgentCredentials({ headers: trailers, query: undefined }, this.call.route);
    }
    this.#requestBodySent = true;
    output.add(writeLastChunk(trailers));
  }

  /** All request events of one read were given. */
  onRequestReadDone(): void {
    if (this.#phase.name !== 'open') return;
    if (!this.#phase.upstream.output.flush()) this.#upstreamFull = true;
  }

  onUpstreamDrain(): void {
    if (!this.#upstreamFull) return;
    this.#upstreamFull = false;
    this.#agent.resumeRequest();
  }

  /** The agent's socket takes more again. */
  onAgentDrain(): void {
    this.#relay?.resume();
  }

  onInformational(head: ResponseHead): void {
    if (this.head.version !== '1.1') return;
    stripHopByHop(head.headers);
    this.call.scrubbed += scrubHeaders(head.headers, this.#scrubber);
    this.#agent.output.add(writeResponseHead(head.status, STATUS_CODES[head.status] ?? '', head.headers));
  }

  onResponseHead(head: ResponseHead): void {
    if (this.#phase.name !== 'open') return;
    // No upgrade was asked for (RFC 9110 15.2.2): what follows would be bytes that nobody reads.
    if (head.status === 101) return this.#refuse(new Refusal('upstream-malformed', 'the upstream switched protocols'));
    this.call.upstreamAnsweredAt = performance.now();
    this.call.status = head.status;
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    try {
      this.#relay = new ResponseRelay({
        call: this.call,
        request: this.head,
        response: head,
        scrubber: this.#scrubber,
        agent: this.#agent.output,
        upstream: this.#phase.upstream,
        // An answer ahead of the request's end closes, since what is left of the request may never come (RFC 9112 9.6).
        keepAlive: this.head.keepAlive && this.#requestDone && !this.#services.state.draining,
        via: this.#services.via,
        done: () => this.#complete(),
        failed: (error) => this.#refuse(error),
      });
    } catch (error) {
      this.#refuse(error);
    }
  }

  onResponseBody(bytes: Buffer): void {
    this.#extend(this.#services.limits.bodyIdleTimeoutMs);
    this.#relay?.body(bytes);
  }

  onResponseEnd(trailers: HeaderList | undefined): void {
    this.#relay?.end(trailers);
  }

  onReadDone(): void {
    if (this.#relay === undefined) this.#agent.output.flush();
    else this.#relay.flush();
  }

  onUpstreamError(error: Refusal, answered: boolean): void {
    if (this.#phase.name !== 'open') return;
    const stale = this.#phase.upstream.uses > 0 && error.reason === 'upstream-closed';
    // RFC 9112 9.3.1: only an idempotent request, and here only one without a body, is sent again on a fresh connection.
    if (stale && !answered && !this.#retried && !this.#requestBodySent && IDEMPOTENT.has(this.head.method)) {
      this.#retried = true;
      this.#phase = { name: 'deciding' };
      if (this.call.destination !== undefined) return this.#connect(this.call.destination, true);
    }
    this.#refuse(error);
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
    if (this.#relay === undefined) return this.#refuse(new Refusal(reason, 'the access was revoked'));
    this.#finish(Outcome.OUTCOME_FAILED, reason);
    this.#agent.destroy();
  }

  expire(): void {
    if (this.#relay !== undefined) this.cut('upstream-timeout');
    else this.#refuse(new Refusal(this.#requestDone ? 'upstream-timeout' : 'body-timeout', 'the call took too long'));
  }

  reauthorize(): void {
    if (this.#phase.name === 'ended') return;
    if (this.#question === undefined) return this.#cutIfGoverned();
    // Without a grant the first answer is still on its way, under the present policy.
    if (this.standing === undefined) return;
    this.leaseEndsAt = Number.POSITIVE_INFINITY;
    Promise.resolve(this.#services.client.authorize(this.#question))
      .then((answer) => {
        if (answer.kind === 'denial') this.cut(answer.reason);
        else this.#stand(answer.grant);
      })
      .catch(() => this.cut('internal-error'));
  }

  #stand(grant: Grant): void {
    this.standing = grant;
    this.leaseEndsAt = leaseEndsAt(grant, this.#services.clock.now());
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

  #complete(): void {
    if (this.#phase.name !== 'open') return;
    const { upstream } = this.#phase;
    const keepAlive = this.#requestDone && (this.#relay?.agentKeepAlive ?? false);
    const keepUpstream = this.#requestDone && (this.#relay?.upstreamKeepAlive ?? false);
    this.#phase = { name: 'ended' };
    if (keepUpstream) this.#services.pool.keep(upstream);
    else upstream.destroy();
    this.#record(Outcome.OUTCOME_ALLOWED, 'ok');
    this.#agent.exchangeEnded(keepAlive);
  }

  #answerOptions(): void {
    const headers = HeaderList.from([
      ['Content-Length', '0'],
      ['Allow', 'OPTIONS'],
    ]);
    this.call.status = 200;
    this.#agent.output.add(writeResponseHead(200, 'OK', headers));
    this.#agent.output.flush();
    this.#finish(Outcome.OUTCOME_DENIED, 'method-refused');
    this.#agent.exchangeEnded(this.head.keepAlive && this.head.framing.kind === 'none');
  }

  #refuse(error: unknown): void {
    if (this.#phase.name === 'ended') return;
    const refusal = toRefusal(error);
    const upstreamFailed = this.call.grant !== undefined || this.#phase.name === 'open';
    if (this.#relay !== undefined) {
      this.#finish(Outcome.OUTCOME_FAILED, refusal.reason);
      return this.#agent.destroy();
    }
    const keepAlive = this.head.keepAlive && this.head.framing.kind === 'none';
    this.#agent.output.add(refusalReply(refusal, this.call, { keepAlive, withBody: this.head.method !== 'HEAD' }));
    this.#agent.output.flush();
    this.#finish(upstreamFailed ? Outcome.OUTCOME_FAILED : Outcome.OUTCOME_DENIED, refusal.reason);
    this.#agent.exchangeEnded(keepAlive);
  }

  #finish(outcome: Outcome, reason: Reason): void {
    const phase = this.#phase;
    this.#phase = { name: 'ended' };
    if (phase.name === 'open') phase.upstream.destroy();
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
