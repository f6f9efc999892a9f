import type { Rostered } from '../../../common/roster.ts';
import type { ErrorName } from '../../protocols/http2/http2-error.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { responseHeadOf } from '../http2-heads.ts';
import type { OutgoingRequest, ResponseListener, UpstreamFailure, UpstreamStream } from '../../http/streams.ts';
import { Refusal } from '../../refusal.ts';
import type { Http2Connection } from '../../sessions/http2/connection.ts';
import type { Http2Event } from '../../sessions/http2/events.ts';
import { Backlog } from '../backlog.ts';
import type { FrameWriter } from '../frame-writer.ts';

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
  /** The stream ends without its answer, before `forget`. */
  gaveUp(): void;
  /** Counts a stream that is given up; whether the upstream may be told of it. */
  spendReset(): boolean;
  /** The connection takes no stream after all: it is to be replaced. */
  refused(stream: Http2UpstreamStream): void;
  /** The stream was handed out and is given back without a request. */
  unused(): void;
}

/** Unlike HTTP/1.1, where each call has its connection for itself, many may have been at work when one was lost: none with an effect is done twice. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** What HTTP/1.1 adds to frame a request. */
const FRAMING_OF_HTTP1: ReadonlySet<string> = new Set(['host', 'transfer-encoding']);

export type StreamEvent = Extract<Http2Event, { readonly stream: number }>;
type OtherEvent = Exclude<StreamEvent, { readonly type: 'body' }>;

/** One exchange as a stream of an HTTP/2 connection to an upstream. */
export class Http2UpstreamStream implements UpstreamStream, Rostered {
  seat = -1;
  readonly address: string;
  readonly mayRefuse = true;
  readonly #parts: Http2UpstreamParts;
  #id: number | undefined;
  #method = '';
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
  readonly #waiting = new Backlog<OtherEvent>();

  constructor(parts: Http2UpstreamParts) {
    this.#parts = parts;
    this.address = parts.address;
  }

  sendHead(request: OutgoingRequest, listener: ResponseListener): void {
    const { method, scheme, authority, target, length, acceptsTrailers, webSocketKey } = request;
    this.#listener = listener;
    this.#method = method;
    this.#begun = true;
    const headers = request.headers.clone();
    // If it was tried over that before.
    headers.deleteAll(FRAMING_OF_HTTP1);
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
    try {
      this.#goOn();
    } catch (error) {
      this.failed(error);
    }
    this.#parts.writer.schedule();
  }

  #goOn(): void {
    this.#waiting.drain(
      () => !this.#paused,
      (next) => (Buffer.isBuffer(next) ? this.#tellBody(next) : this.#tell(next)),
      () => this.onReadDone(),
    );
  }

  /** DATA frames carry any protocol (RFC 8441); only its end is another. */
  upgrade(): void {
    this.#upgraded = true;
  }

  release(whole: boolean): void {
    this.#listener = undefined;
    this.#waiting.clear();
    if (!this.#begun) {
      this.#begun = true;
      return this.#parts.unused();
    }
    if (this.#id === undefined) return;
    if (!this.#answerEnded) this.#parts.gaveUp();
    this.#parts.forget(this.#id);
    // What the upstream has not taken when its answer is whole is of no use to it (RFC 9113 8.1), and would keep the stream open.
    const { http2 } = this.#parts;
    const isWhole = whole && this.#answerEnded && http2.queuedBytes(this.#id) === 0;
    // The end of another protocol is an orderly one (RFC 8441 5): the upstream answers it with its own.
    const isOver = this.#requestEnded && (this.#upgraded || isWhole);
    // A request that was given up in the turn in which it began leaves all the same, and its reset behind it: later heads may
    // refer to what its head put into the table of the connection's compression (RFC 7541 2.3.2), so that it cannot be left out.
    if (!isOver && http2.isOpen(this.#id) && this.#parts.spendReset()) http2.reset(this.#id, 'CANCEL');
    this.#parts.writer.schedule();
  }

  /** An event of this stream; bodies are lent until `onReadDone`. */
  take(event: StreamEvent): void {
    if (event.type === 'writable') return this.onWritable(true);
    const { isEmpty } = this.#waiting;
    if (event.type === 'reset' && isEmpty) return this.#onReset(event.code, event.by);
    const waits = this.#paused || !isEmpty;
    if (event.type !== 'body') return waits ? this.#waiting.add(event) : this.#tell(event);
    if (!waits) return this.#tellBody(event.bytes);
    this.#waiting.addBody(event.bytes);
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
    // All of the answer is here, only the exchange still works on it: the upstream was free to leave, or to stop the
    // rest of the request (RFC 9113 8.1).
    if (this.#answerEnded || this.#waiting.has(({ type }) => type === 'end')) return;
    this.#break(error, processed === 'perhaps-not' && !SAFE.has(this.#method) ? 'unknown' : processed);
  }

  /** What it was told could not be handled: a bug of ours, which ends this exchange alone. */
  failed(cause: unknown): void {
    this.#break(new Refusal('internal-error', 'the proxy failed to handle the answer', { cause }), 'unknown');
  }

  #break(error: Refusal, processed: UpstreamFailure['processed']): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#waiting.clear();
    if (this.#id !== undefined) this.#parts.forget(this.#id);
    if (this.#upgraded) return listener?.onResponseEnd(undefined);
    listener?.onUpstreamError(error, { answered: this.#answered, processed });
  }

  #tellBody(bytes: Buffer): void {
    this.#listener?.onResponseBody(bytes);
    if (this.#id !== undefined) this.#parts.http2.consume(this.#id, bytes.length);
  }

  #tell(event: OtherEvent): void {
    const listener = this.#listener;
    switch (event.type) {
      case 'informational':
        return listener?.onInformational(responseHeadOf(event.head, this.#method, false));
      case 'response-head':
        this.#answered = true;
        return listener?.onResponseHead(responseHeadOf(event.head, this.#method, event.endStream));
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
