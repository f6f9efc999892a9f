import type { Scrubber } from '../../credentials/scrubbing/scrub.ts';
import { CLOSE, closePayload } from '../../protocols/websocket/close.ts';
import type { DeflateParameters } from '../../protocols/websocket/deflate-agreement.ts';
import { OPCODE } from '../../protocols/websocket/frame.ts';
import { DEFAULT_WEBSOCKET_LIMITS, type WebSocketLimits } from '../../protocols/websocket/limits.ts';
import { WebSocketError } from '../../protocols/websocket/websocket-error.ts';
import { Direction } from './direction.ts';
import { FrameOutput, type MaskingKeys } from './frame-output.ts';

export interface WebSocketRelayOptions {
  /** What was agreed on at the handshake; undefined when nothing was. */
  readonly deflate: DeflateParameters | undefined;
  /** Of the injected secrets; undefined when nothing was injected. */
  readonly scrubber: Scrubber | undefined;
  readonly maskingKeys: MaskingKeys;
  readonly limits?: Partial<WebSocketLimits>;
}

/** How the relay came to its end: a `handshake` is Close from both sides, and who `left` said none. */
export type WebSocketEnding = 'handshake' | 'agent-fault' | 'upstream-fault' | 'agent-left' | 'upstream-left' | 'cut';

type Side = 'agent' | 'upstream';

/**
 * Everything between an agent and an upstream once both have agreed on a WebSocket, without sockets: bytes in, bytes out.
 * No header passes unread: every frame is checked (RFC 6455) and written anew, masked with a fresh key towards the
 * upstream and unmasked towards the agent. With a scrubber, messages and control frames of the upstream are scrubbed,
 * compressed ones inflated before and passed on uncompressed, which permessage-deflate always allows (RFC 7692 section 6);
 * without one they pass compressed. Messages are not assembled: long ones go on in fragments as they arrive.
 *
 * Faults of a side do not throw. It is told in a Close frame (1002, 1007, 1008 or 1009), the other side in another
 * (agent: 1014, upstream: 1001), `ending` says what happened and `done` turns true: send what `take...` still gives, then
 * close both transports. Bytes given in are only lent until the call returns; bytes taken out belong to the caller.
 *
 * A side whose output is not taken makes its source wait: while `agentMustWait` or `upstreamMustWait`, stop reading from it.
 * Each `take...` goes on with what was held back, so call it again once its bytes are written, until it gives nothing.
 */
export class WebSocketRelay {
  readonly #toAgent = new FrameOutput(undefined);
  readonly #toUpstream: FrameOutput;
  readonly #agent: Direction;
  readonly #upstream: Direction;
  readonly #maxPendingBytes: number;
  #ending: WebSocketEnding | undefined;
  #leaving: { agent: boolean; upstream: boolean } = { agent: false, upstream: false };

  constructor(options: WebSocketRelayOptions) {
    const limits = { ...DEFAULT_WEBSOCKET_LIMITS, ...options.limits };
    const { deflate, scrubber } = options;
    const shared = { deflate: deflate !== undefined, limits };
    this.#maxPendingBytes = limits.maxPendingBytes;
    this.#toUpstream = new FrameOutput(options.maskingKeys);
    this.#agent = new Direction(
      { ...shared, masked: true, scrubber: undefined, contextTakeover: deflate?.clientNoContextTakeover !== true },
      this.#toUpstream,
    );
    this.#upstream = new Direction(
      { ...shared, masked: false, scrubber, contextTakeover: deflate?.serverNoContextTakeover !== true },
      this.#toAgent,
    );
  }

  /** Whether nothing more will come; what is ready should still be sent. */
  get done(): boolean {
    return this.#ending !== undefined;
  }

  get ending(): WebSocketEnding | undefined {
    return this.#ending;
  }

  /** Secrets masked on the way to the agent. */
  get hits(): number {
    return this.#upstream.hits;
  }

  /** The upstream is slow: read no more from the agent. */
  get agentMustWait(): boolean {
    return this.#toUpstream.pendingBytes >= this.#maxPendingBytes;
  }

  /** The agent is slow: read no more from the upstream. */
  get upstreamMustWait(): boolean {
    return this.#toAgent.pendingBytes >= this.#maxPendingBytes;
  }

  fromAgent(bytes: Buffer): void {
    this.#receive('agent', bytes);
  }

  fromUpstream(bytes: Buffer): void {
    this.#receive('upstream', bytes);
  }

  /** The agent will send no more. */
  agentEnded(): void {
    this.#ended('agent');
  }

  /** The upstream will send no more. */
  upstreamEnded(): void {
    this.#ended('upstream');
  }

  /**
   * It ends for no fault of either side: the agent is told this reason (it is cut to 123 bytes), with 1008 where access was
   * withdrawn, with 1001 where it may open another; the upstream is told 1001.
   */
  cut(reason: string, code: 1001 | 1008 = CLOSE.policyViolation): void {
    this.#end('cut', closePayload(code, reason), closePayload(CLOSE.goingAway, ''));
  }

  takeForAgent(): Buffer[] {
    this.#go('upstream');
    return this.#toAgent.take();
  }

  takeForUpstream(): Buffer[] {
    this.#go('agent');
    return this.#toUpstream.take();
  }

  #receive(side: Side, bytes: Buffer): void {
    if (this.done) return;
    const [from, back] = side === 'agent' ? [this.#agent, this.#upstream] : [this.#upstream, this.#agent];
    back.controlsInRow = 0;
    from.receive(bytes);
    this.#go(side);
    from.copyUnread();
  }

  /** Goes through what a side sent, as far as the other one keeps up. */
  #go(side: Side): void {
    const from = side === 'agent' ? this.#agent : this.#upstream;
    const output = side === 'agent' ? this.#toUpstream : this.#toAgent;
    try {
      while (!this.done && output.pendingBytes < this.#maxPendingBytes) {
        if (from.step()) continue;
        if (this.#agent.isClosed && this.#upstream.isClosed) this.#ending = 'handshake';
        else if (this.#leaving[side]) this.#left(side);
        return;
      }
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.#fault(side, error);
    }
  }

  #ended(side: Side): void {
    this.#leaving[side] = true;
    this.#go(side);
  }

  #left(side: Side): void {
    const text = side === 'agent' ? '' : 'the upstream closed without a closing handshake';
    this.#end(`${side}-left`, closePayload(CLOSE.badGateway, text), closePayload(CLOSE.goingAway, ''));
  }

  #fault(side: Side, { closeCode, message }: WebSocketError): void {
    const atFault = closePayload(closeCode, message);
    if (side === 'agent') {
      this.#end('agent-fault', atFault, closePayload(CLOSE.goingAway, ''));
    } else {
      const text = 'the upstream broke the WebSocket protocol or a limit';
      this.#end('upstream-fault', closePayload(CLOSE.badGateway, text), atFault);
    }
  }

  /** Says Close to whoever was not told one yet. */
  #end(ending: WebSocketEnding, forAgent: Buffer, forUpstream: Buffer): void {
    if (this.done) return;
    this.#ending = ending;
    const header = { fin: true, rsv1: false, opcode: OPCODE.close };
    if (!this.#upstream.isClosed) this.#toAgent.write(header, forAgent);
    if (!this.#agent.isClosed) this.#toUpstream.write(header, forUpstream);
  }
}
