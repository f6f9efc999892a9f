import type { ListedThing } from '../../inspection/answer-filter.ts';
import { answerFilterFor } from '../../inspection/answer-filters.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { ResponseHead } from '../../protocols/heads.ts';
import type { WebSocketLimits } from '../../protocols/websocket/limits.ts';
import { Refusal } from '../../refusal.ts';
import type { Reason } from '../../../proto/reasons.ts';
import type { Call } from '../call.ts';
import type { Departure } from '../request/preparation.ts';
import { ResponseRelay } from './response-relay.ts';
import type { AgentStream, UpstreamStream } from '../streams.ts';
import { openWebSocket, type WebSocketExchange } from './web-socket.ts';

/** The way on which an answer reaches the agent, from its head on. */
export interface AnswerPath {
  /** Bytes of the answer; lent until this returns. */
  fromUpstream(bytes: Buffer): void;
  upstreamEnded(trailers: HeaderList | undefined): void;
  /** Sends what one read has brought. */
  flush(): void;
  /** The agent takes more again. */
  agentDrained(): void;
  /** The exchange ends before the answer did. */
  abort(): void;
  /** Trailers that say why; undefined where no agent would read them. */
  lastWords(refusal: Refusal): HeaderList | undefined;
}

/** Whose answer it is. */
export interface AnswerOwner {
  /** What a filter must know of policy. */
  askListed(things: readonly ListedThing[]): Promise<boolean[]>;
  /** The answer was sent whole. */
  relayed(): void;
  /** Both ends of the WebSocket were told all that is to be said. */
  webSocketEnded(reason: Reason): void;
  /** The answer cannot be completed. */
  refuse(error: unknown): void;
}

/** Between whom it goes. */
export interface AnswerParts {
  readonly call: Call;
  readonly agent: AgentStream;
  readonly upstream: UpstreamStream;
  /** Our name in Via fields. */
  readonly via: string;
  readonly limits: WebSocketLimits;
  readonly owner: AnswerOwner;
}

/**
 * Opens the way that an answer takes: on as a WebSocket when the agent asked for one and the upstream agreed, else as a
 * message.
 *
 * @throws Refusal before anything was written
 */
export function openAnswer(
  head: ResponseHead,
  departure: Departure,
  parts: AnswerParts,
): ResponseRelay | WebSocketExchange {
  const { opening, inspected } = departure;
  const webSocket = opening === undefined ? undefined : openWebSocket(head, opening, departure, parts);
  if (webSocket !== undefined) return webSocket;
  // No such upgrade was asked for (RFC 9110 15.2.2): what follows would be bytes that nobody reads.
  if (head.status === 101) throw new Refusal('upstream-malformed', 'the upstream switched protocols');
  const { route } = parts.call;
  const filter = route === undefined ? undefined : answerFilterFor(route, inspected, head);
  return new ResponseRelay(head, departure, filter, parts);
}
