import type { Scrubber } from '../credentials/scrub.ts';
import { scrubHeaders } from '../credentials/scrub-headers.ts';
import type { ResponseHead } from '../protocols/heads.ts';
import { WebSocketRelay, type WebSocketEnding } from '../sessions/websocket/relay.ts';
import type { DeflateParameters } from '../protocols/websocket/deflate-agreement.ts';
import type { WebSocketLimits } from '../protocols/websocket/limits.ts';
import type { Reason } from '../../proto/reasons.ts';
import { createMaskingKeys } from '../io/masking-keys.ts';
import type { Call } from './call.ts';
import { stripHopByHop } from './forwarded-headers.ts';
import type { Departure } from './preparation.ts';
import type { AgentStream, UpstreamStream } from './streams.ts';

const maskingKeys = createMaskingKeys();

interface WebSocketOptions {
  readonly call: Call;
  readonly agent: AgentStream;
  readonly upstream: UpstreamStream;
  readonly deflate: DeflateParameters | undefined;
  readonly scrubber: Scrubber | undefined;
  readonly limits: WebSocketLimits;
  /** Both sides were told all that is to be said. */
  ended(reason: Reason): void;
}

/**
 * Goes on as a WebSocket when that is what the agent asked for and the upstream agreed to; else undefined, and the answer
 * is an ordinary one.
 *
 * @throws Refusal `upstream-malformed`
 */
export function openWebSocket(
  head: ResponseHead,
  { opening, scrubber }: Pick<Departure, 'opening' | 'scrubber'>,
  parts: Omit<WebSocketOptions, 'deflate' | 'scrubber'>,
): WebSocketExchange | undefined {
  const agreement = opening?.agreement(head);
  if (opening === undefined || agreement === undefined) return undefined;
  const { headers } = head;
  const { agent, call, upstream } = parts;
  stripHopByHop(headers);
  call.scrubbed += scrubHeaders(headers, scrubber);
  // Of the answer to a CONNECT it says nothing (RFC 9110 9.3.6), and a 101 must have none (8.6).
  headers.delete('content-length');
  opening.writeAgreement(headers, agreement);
  upstream.upgrade();
  agent.upgrade(headers);
  agent.flush();
  return new WebSocketExchange({ ...parts, deflate: agreement.deflate, scrubber });
}

/** How a WebSocket's end is recorded. */
const REASONS: Readonly<Record<Exclude<WebSocketEnding['by'], 'cut'>, Reason>> = {
  handshake: 'ok',
  'agent-fault': 'bad-request',
  'upstream-fault': 'upstream-malformed',
  'agent-left': 'agent-closed',
  'upstream-left': 'upstream-closed',
};

/** An opened WebSocket: drives the relay between the two streams of its exchange, each as fast as the other takes it. */
export class WebSocketExchange {
  readonly #options: WebSocketOptions;
  readonly #relay: WebSocketRelay;
  /** The agent's stream has been told to wait; what came behind its opening waits as well. */
  #agentHeld = true;
  #agentFull = false;
  #upstreamFull = false;
  #cutFor: Reason | undefined;
  #ended = false;
  #flushing = false;
  #again = false;

  constructor(options: WebSocketOptions) {
    const { deflate, scrubber, limits } = options;
    this.#options = options;
    this.#relay = new WebSocketRelay({ deflate, scrubber, maskingKeys, limits });
  }

  /** False while the agent's frames must wait. */
  get acceptsAgent(): boolean {
    return !this.#upstreamFull && !this.#relay.agentMustWait;
  }

  fromAgent(bytes: Buffer): void {
    this.#options.call.requestBytes += bytes.length;
    this.#relay.fromAgent(bytes);
  }

  fromUpstream(bytes: Buffer): void {
    this.#options.call.responseBytes += bytes.length;
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

  upstreamDrained(): void {
    this.#upstreamFull = false;
    this.flush();
  }

  /** Access was withdrawn: both sides are told so (1008 to the agent). */
  cut(reason: Reason): void {
    this.#cutFor = reason;
    this.#relay.cut(reason);
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
    const { agent, upstream, call } = this.#options;
    while (!this.#agentFull && send(this.#relay.takeForAgent(), agent)) this.#agentFull = !agent.flush();
    while (!this.#upstreamFull && send(this.#relay.takeForUpstream(), upstream)) this.#upstreamFull = !upstream.flush();
    const { ending } = this.#relay;
    if (ending !== undefined) {
      this.#ended = true;
      call.scrubbed += this.#relay.hits;
      return this.#options.ended(ending.by === 'cut' ? (this.#cutFor ?? 'session-revoked') : REASONS[ending.by]);
    }
    if (this.#agentFull || this.#relay.upstreamMustWait) upstream.pause();
    else upstream.resume();
    const held = this.#agentHeld;
    this.#agentHeld = !this.acceptsAgent;
    if (held && !this.#agentHeld) agent.resumeRequest();
  }
}

/** False when there was nothing. */
function send(pieces: readonly Buffer[], to: { sendBody(bytes: Buffer): void }): boolean {
  for (const piece of pieces) to.sendBody(piece);
  return pieces.length > 0;
}
