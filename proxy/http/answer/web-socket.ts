import type { Scrubber } from '../../credentials/scrubbing/scrub.ts';
import { type Authentication, scrubHeaders } from '../../credentials/scrubbing/scrub-headers.ts';
import type { ResponseHead } from '../../protocols/heads.ts';
import { WebSocketRelay, type WebSocketEnding } from '../../sessions/websocket/relay.ts';
import type { DeflateParameters } from '../../protocols/websocket/deflate-agreement.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { createMaskingKeys } from './masking-keys.ts';
import type { AnswerParts, AnswerPath } from './answer-path.ts';
import { Refusal } from '../../refusal.ts';
import { stripHopByHop } from '../forwarded-headers.ts';
import type { RequestPath } from '../request/request-body.ts';
import type { WebSocketOpening } from '../request/web-socket-opening.ts';

const maskingKeys = createMaskingKeys();

/**
 * Goes on as a WebSocket when that is what the agent asked for and the upstream agreed to; else undefined, and the answer
 * is an ordinary one.
 *
 * @throws Refusal `upstream-malformed`, or `answer-refused` where its messages would have to be masked
 */
export function openWebSocket(
  head: ResponseHead,
  opening: WebSocketOpening,
  authentication: Authentication,
  parts: AnswerParts,
): WebSocketExchange | undefined {
  const agreement = opening.agreement(head);
  if (agreement === undefined) return undefined;
  if ((authentication.maskedFields ?? []).length > 0)
    throw new Refusal('answer-refused', 'secrets cannot be masked in the messages of a WebSocket');
  const { headers } = head;
  const { agent, call, upstream } = parts;
  stripHopByHop(headers);
  call.scrubbed += scrubHeaders(headers, authentication);
  // Of the answer to a CONNECT it says nothing (RFC 9110 9.3.6), and a 101 must have none (8.6).
  headers.delete('content-length');
  opening.writeAgreement(headers, agreement);
  upstream.upgrade();
  agent.upgrade(headers);
  agent.flush();
  return new WebSocketExchange(parts, agreement.deflate, authentication.scrubber);
}

/** How a WebSocket's end is recorded. */
const REASONS: Readonly<Record<Exclude<WebSocketEnding, 'cut'>, Reason>> = {
  handshake: 'ok',
  'agent-fault': 'bad-request',
  'upstream-fault': 'upstream-malformed',
  'agent-left': 'agent-closed',
  'upstream-left': 'upstream-closed',
};

/** Clients take 1008 for a denial, and many do not open another after it. */
const MAY_COME_BACK: ReadonlySet<Reason> = new Set<Reason>(['draining', 'upstream-timeout']);

/** An opened WebSocket: drives the relay between the two streams of its exchange, each as fast as the other takes it. */
export class WebSocketExchange implements AnswerPath, RequestPath {
  readonly #parts: AnswerParts;
  readonly #relay: WebSocketRelay;
  /** The agent's stream has been told to wait; what came behind its opening waits as well. */
  #agentHeld = true;
  #agentFull = false;
  #upstreamFull = false;
  #cutFor: Reason | undefined;
  #ended = false;
  #flushing = false;
  #again = false;

  constructor(parts: AnswerParts, deflate: DeflateParameters | undefined, scrubber: Scrubber | undefined) {
    this.#parts = parts;
    this.#relay = new WebSocketRelay({ deflate, scrubber, maskingKeys, limits: parts.limits });
  }

  /** False while the agent's frames must wait. */
  get acceptsAgent(): boolean {
    return !this.#upstreamFull && !this.#relay.agentMustWait;
  }

  fromAgent(bytes: Buffer): void {
    this.#parts.call.requestBytes += bytes.length;
    this.#relay.fromAgent(bytes);
  }

  fromUpstream(bytes: Buffer): void {
    this.#parts.call.responseBytes += bytes.length;
    this.#relay.fromUpstream(bytes);
  }

  agentEnded(): void {
    this.#relay.agentEnded();
    this.flush();
  }

  upstreamEnded(): void {
    this.#relay.upstreamEnded();
    this.flush();
  }

  agentDrained(): void {
    this.#agentFull = false;
    this.flush();
  }

  /** It tells the agent's stream itself. */
  upstreamDrained(): boolean {
    this.#upstreamFull = false;
    this.flush();
    return false;
  }

  /** Also called at its own end. */
  abort(): void {
    this.#parts.call.scrubbed += this.#relay.hits;
  }

  /** What there is to say stands in its Close frame. */
  lastWords(): undefined {
    return undefined;
  }

  /** Access was withdrawn, time is up or the proxy ends: both sides are told. */
  cut(reason: Reason): void {
    this.#cutFor = reason;
    this.#relay.cut(reason, MAY_COME_BACK.has(reason) ? 1001 : 1008);
    this.flush();
  }

  /** Sends what is ready. */
  flush(): void {
    this.#again = true;
    // Letting a side go on may bring bytes at once.
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#again && !this.#ended) {
      this.#again = false;
      this.#flush();
    }
    this.#flushing = false;
  }

  #flush(): void {
    const { agent, upstream } = this.#parts;
    while (!this.#agentFull && send(this.#relay.takeForAgent(), agent)) this.#agentFull = !agent.flush();
    while (!this.#upstreamFull && send(this.#relay.takeForUpstream(), upstream)) this.#upstreamFull = !upstream.flush();
    const { ending } = this.#relay;
    if (ending !== undefined) {
      this.#ended = true;
      if (ending === 'cut') return this.#parts.owner.webSocketEnded(this.#cutFor ?? 'session-revoked');
      this.#sendLast();
      return this.#parts.owner.webSocketEnded(REASONS[ending]);
    }
    if (this.#agentFull || this.#relay.upstreamMustWait) upstream.pause();
    else upstream.resume();
    const held = this.#agentHeld;
    this.#agentHeld = !this.acceptsAgent;
    if (held && !this.#agentHeld) agent.resumeRequest();
  }

  /** What waits for a slow side has its last chance; there is no more of it than the relay holds. */
  #sendLast(): void {
    const { agent, upstream } = this.#parts;
    send(this.#relay.takeForAgent(), agent);
    if (send(this.#relay.takeForUpstream(), upstream)) upstream.flush();
  }
}

/** False when there was nothing. */
function send(pieces: readonly Buffer[], to: { sendBody(bytes: Buffer): void }): boolean {
  for (const piece of pieces) to.sendBody(piece);
  return pieces.length > 0;
}
