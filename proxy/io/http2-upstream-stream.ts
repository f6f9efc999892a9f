import type { ErrorName } from '../protocols/http2/http2-error.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import { responseHeadOf } from '../http/http2-heads.ts';
import { Refusal } from '../http/refusal.ts';
import type { OutgoingRequest, ResponseListener, UpstreamFailure, UpstreamStream } from '../http/streams.ts';
import type { Http2Connection } from '../sessions/http2/connection.ts';
import type { Http2Event } from '../sessions/http2/events.ts';
import type { FrameWriter } from './frame-writer.ts';

/** What the streams of one upstream connection share. */
export interface Http2UpstreamParts {
  readonly address: string;
  readonly http2: Http2Connection;
  readonly writer: FrameWriter;
  /** The socket is gone. */
  isClosed(): boolean;
  opened(id: number, stream: Http2UpstreamStream): void;
  /** The stream is over; nothing is told to it any more. */
  forget(id: number): void;
  /** The connection takes no stream after all: it is to be replaced. */
  refused(stream: Http2UpstreamStream): void;
  /** The stream was handed out and is given back without a request. */
  unused(): void;
}

export type StreamEvent = Extract<Http2Event, { readonly stream: number }>;

/** One exchange as a stream of an HTTP/2 connection to an upstream. */
export class Http2UpstreamStream implements UpstreamStream {
  readonly address: string;
  readonly #parts: Http2UpstreamParts;
  #id: number | undefined;
  /** It is no longer promised: a request was sent on it, or it was given back. */
  #begun = false;
  #listener: ResponseListener | undefined;
  #answered = false;
  #requestEnded = false;
  #answerEnded = false;
  #upgraded = false;
  #blocked = false;
  #paused = false;
  /** What came while the agent was slow; the stream's window bounds it. */
  #waiting: StreamEvent[] = [];

  constructor(parts: Http2UpstreamParts) {
    this.#parts = parts;
    this.address = parts.address;
  }

  sendHead(request: OutgoingRequest, listener: ResponseListener): void {
    const { method, scheme, authority, target, length, acceptsTrailers, webSocketKey } = request;
    this.#listener = listener;
    this.#begun = true;
    const headers = request.headers.clone();
    headers.delete('host');
    // A first attempt over HTTP/1.1 framed it.
    if (length === 'unknown') headers.delete('transfer-encoding');
    if (acceptsTrailers) headers.append('te', 'trailers');
    const plain = { method, scheme, authority, path: target, headers, sensitive: request.sensitive };
    const head = webSocketKey === undefined ? plain : { ...plain, method: 'CONNECT', protocol: 'websocket' };
    this.#requestEnded = length === 'none' && webSocketKey === undefined;
    this.#id = this.#parts.isClosed() ? undefined : this.#parts.http2.open(head, this.#requestEnded);
    if (this.#id === undefined) this.#parts.refused(this);
    else this.#parts.opened(this.#id, this);
  }

  sendBody(bytes: Buffer): void {
    if (this.#id !== undefined && !this.#parts.http2.sendData(this.#id, bytes)) this.#blocked = true;
  }

  sendEnd(trailers: HeaderList | undefined): void {
    if (this.#id === undefined || this.#requestEnded) return;
    this.#requestEnded = true;
    this.#parts.http2.sendEnd(this.#id, trailers);
  }

  flush(): boolean {
    this.#parts.writer.schedule();
    return !this.#blocked && !this.#parts.writer.full;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    while (!this.#paused && this.#waiting.length > 0) {
      const event = this.#waiting.shift();
      if (event !== undefined) this.#tell(event);
    }
    this.onReadDone();
    this.#parts.writer.schedule();
  }

  /** DATA frames carry any protocol (RFC 8441); only its end is another. */
  upgrade(): void {
    this.#upgraded = true;
  }

  release(whole: boolean): void {
    this.#listener = undefined;
    this.#waiting = [];
    if (!this.#begun) {
      this.#begun = true;
      return this.#parts.unused();
    }
    if (this.#id === undefined) return;
    this.#parts.forget(this.#id);
    const isOver = this.#requestEnded && (this.#upgraded || (whole && this.#answerEnded));
    // The end of another protocol is an orderly one (RFC 8441 5): the upstream answers it with its own.
    if (!isOver) this.#parts.http2.reset(this.#id, 'CANCEL');
    this.#parts.writer.schedule();
  }

  /** An event of this stream; bodies are lent until `onReadDone`. */
  take(event: StreamEvent): void {
    if (event.type === 'writable') return this.onWritable(true);
    if (event.type === 'reset' && this.#waiting.length === 0) return this.#onReset(event.code, event.by);
    if (!this.#paused && this.#waiting.length === 0) return this.#tell(event);
    this.#waiting.push(event.type === 'body' ? { ...event, bytes: Buffer.from(event.bytes) } : event);
  }

  onWritable(isWindow: boolean): void {
    if (isWindow) this.#blocked = false;
    if (!this.#blocked && !this.#parts.writer.full) this.#listener?.onUpstreamDrain();
  }

  onReadDone(): void {
    this.#listener?.onReadDone();
  }

  /** The stream broke, or its connection did. */
  fail(error: Refusal, processed: UpstreamFailure['processed']): void {
    // All of the answer is here, only the agent has not taken it yet: the upstream was free to leave.
    if (this.#waiting.at(-1)?.type === 'end') return;
    const listener = this.#listener;
    this.#listener = undefined;
    this.#waiting = [];
    if (this.#id !== undefined) this.#parts.forget(this.#id);
    if (this.#upgraded) return listener?.onResponseEnd(undefined);
    listener?.onUpstreamError(error, { answered: this.#answered, processed });
  }

  #tell(event: StreamEvent): void {
    const listener = this.#listener;
    switch (event.type) {
      case 'informational':
        return listener?.onInformational(responseHeadOf(event.head, false));
      case 'response-head':
        this.#answered = true;
        return listener?.onResponseHead(responseHeadOf(event.head, event.endStream));
      case 'body':
        listener?.onResponseBody(event.bytes);
        return this.#parts.http2.consume(event.stream, event.bytes.length);
      case 'end':
        this.#answerEnded = true;
        return listener?.onResponseEnd(event.trailers);
      case 'reset':
        return this.#onReset(event.code, event.by);
      default:
    }
  }

  #onReset(code: ErrorName, by: 'peer' | 'us'): void {
    if (by === 'us') {
      return this.fail(new Refusal('upstream-malformed', "the upstream's answer breaks HTTP/2"), 'unknown');
    }
    // RFC 9113 8.7: a refused stream was not processed, so that any request may be sent again.
    this.fail(
      new Refusal('upstream-closed', 'the upstream gave the stream up'),
      code === 'REFUSED_STREAM' ? 'never' : 'unknown',
    );
  }
}
