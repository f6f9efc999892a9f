import type { Answer } from '../../../policy-client/index.ts';
import type { BodyTransform } from '../../credentials/body-transform.ts';
import { type AgentClaims, type LocalReply, removeAgentCredentials } from '../../credentials/inject.ts';
import type { Authentication } from '../../credentials/scrubbing/scrub-headers.ts';
import { type DialTarget, overHttp1, withClientCertificate } from './dial-target.ts';
import { HeaderList } from '../../protocols/header-list.ts';
import { actionOf } from '../../inspection/action.ts';
import { planInspection, readFacts } from '../../inspection/plan.ts';
import type { RequestHead } from '../../protocols/heads.ts';
import { Refusal } from '../../refusal.ts';
import type { InspectedFacts, Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { admit, countForwards, OPTIONS_REPLY } from './admission.ts';
import type { Call } from '../call.ts';
import { apartForLogins } from './connection-login.ts';
import { buildDestination, type RequestDestination, whereTo } from './destination.ts';
import { acceptsTrailers, stripHopByHop } from '../forwarded-headers.ts';
import { type Prepared, prepareRequest } from './outgoing-request.ts';
import type { RequestBody } from './request-body.ts';
import { leavesAlike, type PreparedRoute, UNROUTED } from './route-table.ts';
import { findRoute } from './routing.ts';
import type { ProxyServices } from '../services.ts';
import { SignedRequest } from './signed-request.ts';
import type { Standing } from '../standing.ts';
import type { AgentStream, OutgoingRequest } from '../streams.ts';
import { WebSocketOpening } from './web-socket-opening.ts';

/** A request that is ready to leave: how to dial, what to send, and what its answer must go through. */
export interface Departure extends Authentication {
  readonly target: DialTarget;
  readonly request: OutgoingRequest;
  /** Through which the body goes to the upstream. */
  readonly transform: BodyTransform | undefined;
  readonly signed: SignedRequest;
  readonly opening: WebSocketOpening | undefined;
  /** What was read out of the request, by which its answer may have to be filtered. */
  readonly inspected: InspectedFacts | undefined;
}

/** What the steps work on. */
export interface PreparationParts {
  readonly services: ProxyServices;
  readonly agent: AgentStream;
  readonly head: RequestHead;
  readonly call: Call;
  readonly body: RequestBody;
  readonly standing: Standing;
}

/** How the steps end; one of the first three is called once, unless the call is over before. */
export interface PreparationEnd {
  depart(departure: Departure): void;
  /** The proxy answers itself, with or without having asked policy. */
  answer(reply: LocalReply, allowed: boolean): void;
  refuse(error: unknown): void;
  /** The call has ended meanwhile: nothing may follow. */
  isOver(): boolean;
  /** More time is needed: the agent is to send its body. */
  awaitBody(): void;
}

/**
 * The steps of a request before a byte of it leaves, in this order: admit, destination, route, clean, inspect, authorize,
 * inject, sign. Whichever stops it says so by a Refusal.
 */
export class Preparation {
  readonly #parts: PreparationParts;
  readonly #end: PreparationEnd;
  #route: PreparedRoute = UNROUTED;
  #opening: WebSocketOpening | undefined;
  #inspected: InspectedFacts | undefined;

  constructor(parts: PreparationParts, end: PreparationEnd) {
    this.#parts = parts;
    this.#end = end;
  }

  /** No policy was asked, as configuration lets hosts without a route through, but by now one covers this host. */
  get isGovernedByNow(): boolean {
    const { services, call } = this.#parts;
    if (call.destination === undefined || this.#route !== UNROUTED) return false;
    return services.routes.find(call.destination.host, call.destination.port) !== undefined;
  }

  start(): void {
    this.#guard(() => {
      const { services, agent, head, call } = this.#parts;
      admit(head, services.via);
      this.#opening = WebSocketOpening.of(head);
      const destination = buildDestination(agent.transport, head, services.routes.pathForms);
      call.destination = destination;
      if (countForwards(head)) return this.#end.answer(OPTIONS_REPLY, false);
      this.#route = findRoute(services, destination) ?? UNROUTED;
      call.route = this.#route.route;
      this.#clean(destination);
    });
  }

  /** Takes out what belongs to one hop, and every credential that the agent sent. */
  #clean(destination: RequestDestination): void {
    const { head, call } = this.#parts;
    const takesTrailers = acceptsTrailers(head.headers);
    stripHopByHop(head.headers);
    const given = { headers: head.headers, query: destination.query };
    const { removed, query, claims } = removeAgentCredentials(given, this.#route.route);
    if (call.route?.injectsCredential === true && this.#opening?.removeCredentials(head.headers) === true) {
      removed.push('header:sec-websocket-protocol');
    }
    call.removedCredentials = removed;
    const cleaned = query === destination.query ? destination : { ...destination, query };
    this.#inspect({ destination: cleaned, takesTrailers, claims });
  }

  /** Reads out of the request what the route's policies ask for, its body included where they do. */
  #inspect(request: CleanRequest): void {
    const { route } = this.#route;
    if (route === undefined) return this.#inject(request);
    const { head } = this.#parts;
    const { path, query } = request.destination;
    const { method, headers } = head;
    const opensWebSocket = this.#opening !== undefined;
    const inspected = { method, path, query, headers, declaredBytes: declaredBytes(head), opensWebSocket };
    const plan = planInspection(route, inspected);
    if (plan === 'none') return this.#authorize(request, route);
    if (plan.limitBytes === 0) return this.#authorizeWith(request, route, readFacts(plan, inspected, undefined));
    this.#hold(plan.limitBytes, (body) => {
      const facts = readFacts(plan, inspected, body);
      const isMcp = facts.mcp !== undefined || plan.wish.facts.has('mcp');
      if (isMcp && method === 'POST') this.#parts.call.message = body;
      this.#authorizeWith(request, route, facts);
    });
  }

  #authorizeWith(request: CleanRequest, route: Route, facts: InspectedFacts): void {
    this.#inspected = facts;
    this.#authorize(request, route);
  }

  #authorize(request: CleanRequest, route: Route): void {
    const { readsQuery, readsHeaders } = this.#route;
    const { head, call, standing } = this.#parts;
    const { scheme, host, port, path, query } = request.destination;
    call.action = actionOf(path, head.headers.get('content-type'), this.#inspected);
    const answer = standing.ask({
      destination: { scheme, host, port },
      method: head.method,
      path,
      query: readsQuery ? query : undefined,
      headers: readsHeaders ? headerFacts(head.headers) : undefined,
      inspected: this.#inspected,
      route,
    });
    if (!(answer instanceof Promise)) return this.#decide(request, answer);
    answer
      .then((later) => {
        if (!this.#end.isOver()) this.#guard(() => this.#decide(request, later));
      })
      .catch((error: unknown) => this.#end.refuse(error));
  }

  #decide(request: CleanRequest, answer: Answer): void {
    const { call, services, standing } = this.#parts;
    // One that began without a session is decided in whichever came first.
    call.session ??= services.client.session();
    call.fromCache = answer.fromCache;
    if (answer.kind === 'denial') {
      throw new Refusal(answer.reason, answer.message, { accessPolicy: answer.accessPolicy ?? '' });
    }
    call.grant = answer.grant;
    standing.allow(answer.grant);
    this.#inject(request);
  }

  #inject({ destination, takesTrailers, claims }: CleanRequest): void {
    const { head, call, services } = this.#parts;
    const prepared = prepareRequest(head, destination, call.grant, {
      route: this.#route,
      via: services.via,
      acceptsTrailers: takesTrailers,
      claims,
      inspected: this.#inspected,
    });
    const { reply, secrets, signatures } = prepared.injected;
    if (reply !== undefined) return this.#end.answer(reply, true);
    const signed = new SignedRequest(signatures, secrets, services);
    if (!signed.needsWholeBody) return this.#depart(prepared, signed, destination, undefined);
    const { maxSignedBodyBytes } = services.limits;
    this.#hold(maxSignedBodyBytes, (body) => {
      if (body === undefined) {
        const message = `the body is over ${maxSignedBodyBytes} bytes, which its signature must read first`;
        throw new Refusal('signed-body-too-large', message);
      }
      this.#depart(prepared, signed, destination, body);
    });
  }

  /** Takes in the body before the next step, which is given undefined when it is longer than that. */
  #hold(limitBytes: number, next: (body: Buffer | undefined) => void): void {
    const { agent, head, body } = this.#parts;
    this.#end.awaitBody();
    // The agent waits for leave to send it (RFC 9110 section 10.1.1), which it has from us.
    if (head.headers.delete('expect') > 0) {
      agent.sendInformational(100, new HeaderList());
      agent.flush();
    }
    body.hold(limitBytes, next);
    agent.resumeRequest();
  }

  #depart(
    { request, injected }: Prepared,
    signed: SignedRequest,
    destination: RequestDestination,
    body: Buffer | undefined,
  ): void {
    const { scheme, host, port } = destination;
    const { secrets, clientCertificate, droppedFields, signatures } = injected;
    // While it waited for its body or an answer, policy may have changed by which it was decided, but not its way.
    if (!leavesAlike(this.#route, this.#parts.services.routes.find(host, port) ?? UNROUTED)) {
      throw new Refusal('not-ready', 'the route of this call changed while it was held');
    }
    const transform = signed.sign(body, injected.body);
    this.#parts.call.message = undefined;
    const opening = this.#opening;
    const usual = this.#route.dialTarget(scheme, host, port);
    // A signature names GET, which extended CONNECT is not.
    const spoken = opening !== undefined && signatures.length > 0 ? overHttp1(usual) : usual;
    const isLent = this.#route.route?.injectsCredential === true;
    const target = apartForLogins(spoken, this.#parts.agent, request.headers, isLent);
    this.#end.depart({
      target: clientCertificate === undefined ? target : withClientCertificate(target, clientCertificate),
      request: opening === undefined ? request : opening.within(request),
      transform,
      signed,
      scrubber: signed.scrubber(),
      isAuthenticated: secrets.length > 0 || signatures.length > 0 || clientCertificate !== undefined,
      droppedFields,
      credentialCookies: this.#route.route?.credentialCookies,
      maskedFields: this.#route.route?.maskedAnswerFields,
      opening,
      inspected: this.#inspected,
    });
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      const { agent, call } = this.#parts;
      call.destination ??= whereTo(agent.transport);
      this.#end.refuse(error);
    }
  }
}

/** A request without anything that the agent may not say for itself. */
interface CleanRequest {
  readonly destination: RequestDestination;
  readonly takesTrailers: boolean;
  /** What the agent's own credentials said of what it wants, such as the scope of a signature. */
  readonly claims: AgentClaims;
}

function headerFacts(headers: HeaderList): { name: string; value: string }[] {
  const facts: { name: string; value: string }[] = [];
  for (const [name, value] of headers.entries()) facts.push({ name: name.toLowerCase(), value });
  return facts;
}

/** As the framing says: 0 for no body; undefined when only its end will show. */
function declaredBytes({ framing }: RequestHead): number | undefined {
  if (framing.kind === 'none') return 0;
  return framing.kind === 'length' ? framing.length : undefined;
}
