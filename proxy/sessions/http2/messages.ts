import { BlockMemo } from '../../protocols/http2/block-memo.ts';
import {
  contentLengthOf,
  type Http2RequestHead,
  type Http2ResponseHead,
  readRequestHead,
  readResponseHead,
  readTrailers,
} from '../../protocols/http2/heads.ts';
import type { HpackDecoder } from '../../protocols/http2/hpack-decoder.ts';
import { Http2Error, Http2StreamError, malformedMessage } from '../../protocols/http2/http2-error.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { ConnectionState } from './connection-state.ts';
import { Stream } from './stream.ts';

/** Turns header blocks into heads and trailers of the right stream (RFC 9113 8.1), and checks lengths of bodies. */
export class Messages {
  readonly #state: ConnectionState;
  readonly #decoder: HpackDecoder;
  readonly #requests = new BlockMemo<Http2RequestHead>();
  readonly #responses = new BlockMemo<Http2ResponseHead>();
  readonly #trailers = new BlockMemo<HeaderList>();

  constructor(state: ConnectionState, decoder: HpackDecoder) {
    this.#state = state;
    this.#decoder = decoder;
  }

  /** Reads a whole block on the stream `id`. Throws Http2StreamError for that stream. */
  read(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const stream = this.#state.streams.get(id);
    if (stream !== undefined) this.#readOn(stream, endStream, bytes, start, end);
    else if (this.#state.isIdle(id)) this.#readFirst(id, endStream, bytes, start, end);
    else {
      this.refuseClosed(id);
      this.#decoder.decode(bytes, start, end);
    }
  }

  /** A frame that carries a message came for a stream that is gone: tolerated if the peer may not know that yet. */
  refuseClosed(id: number): void {
    if (!this.#state.streams.mayLinger(id)) {
      throw new Http2Error('STREAM_CLOSED', 'a message on a closed stream (RFC 9113 5.1)');
    }
    this.#state.spendControl();
  }

  /** The peer has said all on this stream. */
  end(stream: Stream, trailers: HeaderList | undefined): void {
    expectNoMore(stream);
    stream.receiving = 'done';
    this.#state.events.push({ type: 'end', stream: stream.id, trailers });
    this.#state.settle(stream);
  }

  /** Counts octets of body, before any is told. */
  expectBody(stream: Stream, bytes: number): void {
    if (stream.remainingBytes === -1) return;
    stream.remainingBytes -= bytes;
    if (stream.remainingBytes < 0) {
      stream.remainingBytes = -1;
      throw malformedMessage('more body than the message may have (RFC 9113 8.1.1)');
    }
  }

  #readFirst(id: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    const state = this.#state;
    if (state.role === 'client' || state.isOwn(id)) {
      throw new Http2Error('PROTOCOL_ERROR', 'HEADERS on a stream that the peer may not open (RFC 9113 5.1.1)');
    }
    state.streams.lastPeer = id;
    const head = this.#requestHead(bytes, start, end);
    if (state.closing) {
      // RFC 9113 6.8: the peer knows by our GOAWAY that this stream was not taken.
      state.streams.rememberReset(id, state.credit.initialWindow);
      state.spendControl();
      return;
    }
    if (state.streams.size >= state.limits.maxConcurrentStreams) {
      throw new Http2StreamError('REFUSED_STREAM', 'more streams than allowed (RFC 9113 5.1.2)');
    }
    const windows = { send: state.peer.initialWindowBytes, receive: state.credit.initialWindow };
    const stream = new Stream(id, 'body', 'head', head.method, windows);
    if (head.method !== 'CONNECT') stream.remainingBytes = contentLengthOf(head.headers);
    if (endStream) expectNoMore(stream);
    state.opened(stream);
    state.events.push({ type: 'request-head', stream: id, head, endStream });
    if (endStream) this.end(stream, undefined);
  }

  #readOn(stream: Stream, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    switch (stream.receiving) {
      case 'head':
        this.#readResponse(stream, endStream, this.#responseHead(bytes, start, end));
        return;
      case 'body': {
        const trailers = this.#readTrailers(bytes, start, end);
        if (!endStream) throw malformedMessage('trailers that do not end the stream (RFC 9113 8.1)');
        this.end(stream, trailers);
        return;
      }
      default:
        this.#decoder.decode(bytes, start, end);
        throw new Http2StreamError('STREAM_CLOSED', 'HEADERS behind END_STREAM (RFC 9113 5.1)');
    }
  }

  #readResponse(stream: Stream, endStream: boolean, head: Http2ResponseHead): void {
    const { events, limits } = this.#state;
    if (head.status < 200) {
      if (endStream) throw malformedMessage('an interim response that ends the stream (RFC 9113 8.1)');
      stream.informational += 1;
      if (stream.informational > limits.maxInformational) {
        throw new Http2StreamError('ENHANCE_YOUR_CALM', 'too many interim responses');
      }
      events.push({ type: 'informational', stream: stream.id, head });
      return;
    }
    stream.receiving = 'body';
    stream.remainingBytes = bodyOf(stream.method, head.status, contentLengthOf(head.headers));
    if (endStream) expectNoMore(stream);
    events.push({ type: 'response-head', stream: stream.id, head, endStream });
    if (endStream) this.end(stream, undefined);
  }

  #requestHead(bytes: Buffer, start: number, end: number): Http2RequestHead {
    const known = this.#requests.find(bytes, start, end, this.#decoder.version);
    if (known !== undefined) return { ...known, headers: known.headers.clone() };
    const repeatable = this.#decode(bytes, start, end);
    const head = readRequestHead(this.#decoder);
    if (repeatable) this.#requests.keep(bytes, start, end, { ...head, headers: head.headers.clone() });
    return head;
  }

  #responseHead(bytes: Buffer, start: number, end: number): Http2ResponseHead {
    const known = this.#responses.find(bytes, start, end, this.#decoder.version);
    if (known !== undefined) return { ...known, headers: known.headers.clone() };
    const repeatable = this.#decode(bytes, start, end);
    const head = readResponseHead(this.#decoder);
    if (repeatable) this.#responses.keep(bytes, start, end, { ...head, headers: head.headers.clone() });
    return head;
  }

  #readTrailers(bytes: Buffer, start: number, end: number): HeaderList {
    const known = this.#trailers.find(bytes, start, end, this.#decoder.version);
    if (known !== undefined) return known.clone();
    const repeatable = this.#decode(bytes, start, end);
    const trailers = readTrailers(this.#decoder);
    if (repeatable) this.#trailers.keep(bytes, start, end, trailers.clone());
    return trailers;
  }

  /** Whether the block may be remembered: it left the table alone, and holds nothing that came as never indexed. */
  #decode(bytes: Buffer, start: number, end: number): boolean {
    const decoder = this.#decoder;
    const { version } = decoder;
    decoder.decode(bytes, start, end);
    return decoder.version === version && decoder.sensitive.size === 0;
  }
}

/** Asked before a head is told too: nobody acts on a message that is known to be malformed. */
function expectNoMore(stream: Stream): void {
  if (stream.remainingBytes > 0) throw malformedMessage('less body than Content-Length says (RFC 9113 8.1.1)');
}

/** How many octets of body may come (RFC 9110 6.4.1, RFC 9113 8.1.1, 8.5); -1: no bound. */
function bodyOf(method: string, status: number, contentLength: number): number {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  if (method === 'CONNECT' && status < 300) return -1;
  return contentLength;
}
