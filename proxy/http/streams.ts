import type { ResponseHead } from '../protocols/heads.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import type { Refusal } from '../refusal.ts';
import type { Transport } from './request/destination.ts';

/** How long a body is: there is none, its Content-Length says, or its end will show. */
export type BodyLength = 'none' | 'declared' | 'unknown';

/**
 * The agent's side of one exchange, whatever version of HTTP it speaks. What is sent is gathered until `flush`; the
 * stream frames it and, in HTTP/1.1, decides whether its connection is kept.
 */
export interface AgentStream {
  readonly transport: Transport;
  /** An interim answer (RFC 9110 15.2). */
  sendInformational(status: number, headers: HeaderList): void;
  sendHead(status: number, reason: string, headers: HeaderList, length: BodyLength): void;
  /** The bytes are lent until the next `flush`. */
  sendBody(bytes: Buffer): void;
  sendEnd(trailers: HeaderList | undefined): void;
  /** False when the agent is slow: `onAgentDrain` of the exchange will tell when it takes more. */
  flush(): boolean;
  /** The exchange takes request events again. */
  resumeRequest(): void;
  /** Switches to another protocol, with these headers: from now on bodies pass bare both ways. */
  upgrade(headers: HeaderList): void;
  /** The answer was sent whole. */
  ended(): void;
  /** The answer cannot be completed: the agent must not take it for whole. The trailers say why, where they can be sent. */
  abort(trailers?: HeaderList): void;
}

/** A request as it leaves: everything removed, injected and checked. */
export interface OutgoingRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** Without Host and framing, which the stream writes. */
  readonly headers: HeaderList;
  readonly length: BodyLength;
  /** The agent said that it takes trailers (RFC 9110 10.1.4). */
  readonly acceptsTrailers: boolean;
  /** Lower-case names of fields that carry a credential, which no compression table may keep. */
  readonly sensitive: ReadonlySet<string>;
  /** It opens a WebSocket: by Upgrade with this key in HTTP/1.1, by extended CONNECT in HTTP/2 (RFC 8441), which has none. */
  readonly webSocketKey?: string;
}

/** Who is told what the upstream answers. */
export interface ResponseListener {
  onInformational(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  /** The bytes are lent until `onReadDone` has returned. */
  onResponseBody(bytes: Buffer): void;
  onResponseEnd(trailers: HeaderList | undefined): void;
  onUpstreamDrain(): void;
  /** All events of one read were given: the moment to flush. */
  onReadDone(): void;
  onUpstreamError(error: Refusal, failure: UpstreamFailure): void;
}

/** What is known of the request when its upstream failed. */
export interface UpstreamFailure {
  /** An answer had begun. */
  readonly answered: boolean;
  /** `never`: the upstream says it did not act on it (RFC 9113 8.7). `perhaps-not`: a kept connection was closed meanwhile. */
  readonly processed: 'never' | 'perhaps-not' | 'unknown';
}

/** One exchange on a verified connection to an upstream. Nothing is sent before `flush`. */
export interface UpstreamStream {
  readonly address: string;
  /** It can fail with a request that the upstream `never` processed, after all of it was sent. */
  readonly mayRefuse: boolean;
  /** Begins: `listener` is told everything from now on, until `release`. */
  sendHead(request: OutgoingRequest, listener: ResponseListener): void;
  /** The bytes are lent until this returns. */
  sendBody(bytes: Buffer): void;
  sendEnd(trailers: HeaderList | undefined): void;
  /** False when the upstream is slow: `onUpstreamDrain` will tell when it takes more. */
  flush(): boolean;
  pause(): void;
  resume(): void;
  /** The upstream switched protocols: from now on bodies pass bare both ways. To be called in `onResponseHead`. */
  upgrade(): void;
  /** The exchange is over; the connection may serve others when request and answer were both whole. */
  release(whole: boolean): void;
}
