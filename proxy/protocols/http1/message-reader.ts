import type { RequestHead, ResponseFraming, ResponseHead } from '../heads.ts';
import type { HeaderList } from '../header-list.ts';
import { ByteQueue } from '../byte-queue.ts';
import { CR, LF, TOKEN } from './characters.ts';
import { ChunkedBody } from './chunked-body.ts';
import { findHeadEnd } from './head-end.ts';
import { DEFAULT_HTTP1_LIMITS, type Http1Limits } from './limits.ts';
import { malformed, type MessageError, type MessageKind, tooLarge, truncated } from './message-error.ts';
import { headTooLarge, parseRequestHead } from './request-head.ts';
import { parseResponseHead } from './response-head.ts';
import { SectionReader } from './section-reader.ts';

/** What a message says next. `bytes` are a view of what was received: use or copy them before that is reused. */
export type BodyEvent =
  | { readonly type: 'body'; readonly bytes: Buffer }
  | { readonly type: 'end'; readonly trailers: HeaderList | undefined };

export type RequestEvent = { readonly type: 'head'; readonly head: RequestHead } | BodyEvent;
export type ResponseEvent =
  | { readonly type: 'head'; readonly head: ResponseHead }
  | { readonly type: 'informational'; readonly head: ResponseHead }
  | BodyEvent;
export type Http1Event = RequestEvent | ResponseEvent;

type State =
  | { readonly name: 'head' }
  | { readonly name: 'length'; left: number }
  | { readonly name: 'chunked'; readonly body: ChunkedBody }
  | { readonly name: 'until-close' }
  | { readonly name: 'end' }
  | { readonly name: 'detached' }
  | { readonly name: 'dead'; readonly error: unknown };

const HEAD: State = Object.freeze({ name: 'head' });
const UNTIL_CLOSE: State = Object.freeze({ name: 'until-close' });
const END: State = Object.freeze({ name: 'end' });
const DETACHED: State = Object.freeze({ name: 'detached' });
const END_EVENT: BodyEvent = Object.freeze({ type: 'end', trailers: undefined });

abstract class MessageReader<HeadEvent> {
  protected readonly limits: Http1Limits;
  protected readonly sections: SectionReader;
  readonly #kind: MessageKind;
  readonly #queue = new ByteQueue();
  #state: State = HEAD;
  #searched = 0;
  #skippedEmptyLine = false;
  #ended = false;
  /** Whether the bytes after this message belong to no message: a tunnel, another protocol. */
  protected detachAtEnd = false;

  protected constructor(kind: MessageKind, limits: Http1Limits) {
    this.#kind = kind;
    this.limits = limits;
    this.sections = new SectionReader(kind, this.limits.maxHeaderCount);
  }

  /** Bytes that were received and are not read. */
  get bufferedBytes(): number {
    return this.#queue.length;
  }

  /** Queues bytes; nothing is read until `next()`. */
  receive(bytes: Buffer): void {
    this.#queue.push(bytes);
  }

  /** Tells that no bytes will follow. */
  eof(): void {
    this.#ended = true;
  }

  /** Copies what is unread, so that the owner of the received buffers may write over them. */
  copyUnread(): void {
    this.#queue.detach();
  }

  /** The unread bytes, which are no message of ours (a tunnel, TLS, another protocol). The reader stops. */
  takeRest(): Buffer {
    if (this.#state.name !== 'dead') this.#state = DETACHED;
    return this.#queue.takeAll();
  }

  /** The next event, or undefined while bytes are missing. Throws MessageError, and from then on the same one. */
  next(): HeadEvent | BodyEvent | undefined {
    if (this.#state.name === 'dead') throw this.#state.error;
    try {
      return this.#step(this.#state);
    } catch (error) {
      this.#state = { name: 'dead', error };
      throw error;
    }
  }

  /** Parses a head; says by which event it is told and how its body is framed, which is undefined for an interim one. */
  protected abstract readHead(text: string): { event: HeadEvent; framing: ResponseFraming | undefined };
  /** Whether bytes that begin with this one can be a head that is expected now; throws if not. */
  protected abstract checkStart(first: number): void;
  /** The error for `text`, the beginning of a head that is over its limit. */
  protected abstract overLimit(text: string): MessageError;
  /** Whether a message has to follow. */
  protected abstract get expecting(): boolean;

  #step(state: State): HeadEvent | BodyEvent | undefined {
    const queue = this.#queue;
    switch (state.name) {
      case 'head':
        return this.#readHead();
      case 'length': {
        if (queue.length === 0) return this.#starved();
        const bytes = queue.take(state.left);
        state.left -= bytes.length;
        if (state.left === 0) this.#state = END;
        return { type: 'body', bytes };
      }
      case 'chunked': {
        const part = state.body.next(queue);
        if (part === undefined) return this.#starved();
        if ('bytes' in part) return { type: 'body', bytes: part.bytes };
        this.#finish();
        return { type: 'end', trailers: part.trailers };
      }
      case 'until-close':
        if (queue.length > 0) return { type: 'body', bytes: queue.take(queue.length) };
        if (!this.#ended) return undefined;
        this.#finish();
        return END_EVENT;
      case 'end':
        this.#finish();
        return END_EVENT;
      default:
        return undefined;
    }
  }

  #finish(): void {
    this.#state = this.detachAtEnd ? DETACHED : HEAD;
    this.detachAtEnd = false;
    this.#skippedEmptyLine = false;
  }

  /** No byte is left to read: wait, or find the message truncated. */
  #starved(): undefined {
    if (this.#ended) throw truncated(this.#kind, 'the connection ended in the middle of a message (RFC 9112 8)');
    return undefined;
  }

  #readHead(): HeadEvent | undefined {
    const queue = this.#queue;
    if (!this.#skipEmptyLine() || queue.length === 0) {
      return queue.length > 0 || this.expecting ? this.#starved() : undefined;
    }
    const first = queue.front[queue.start] ?? 0;
    this.checkStart(first);
    let found = this.#search();
    if (found === -1 && queue.length > queue.end - queue.start) {
      queue.gather(this.limits.maxHeadBytes);
      found = this.#search();
    }
    if (found === -1) {
      const { front, start, end } = queue;
      if (end - start < this.limits.maxHeadBytes) return this.#starved();
      throw this.overLimit(front.toString('latin1', start, start + this.limits.maxHeadBytes));
    }
    const text = queue.front.toString('latin1', queue.start, found + 2);
    queue.skip(found + 4 - queue.start);
    this.#searched = 0;
    const { event, framing } = this.readHead(text);
    if (framing !== undefined) this.#state = this.#bodyState(framing);
    return event;
  }

  /** An agent may send one empty line before a request (RFC 9112 2.2). False while that cannot be told. */
  #skipEmptyLine(): boolean {
    const queue = this.#queue;
    if (this.#kind === 'response' || this.#skippedEmptyLine || queue.length === 0) return true;
    if (queue.front[queue.start] !== CR) return true;
    if (queue.length === 1) return false;
    queue.gather(2);
    if (queue.front[queue.start + 1] === LF) {
      queue.skip(2);
      this.#skippedEmptyLine = true;
    }
    return true;
  }

  #search(): number {
    const { front, start, end } = this.#queue;
    const within = Math.min(end, start + this.limits.maxHeadBytes);
    const found = findHeadEnd(front, start, within, start + this.#searched, this.#kind);
    if (found === -1) this.#searched = Math.max(0, within - start - 3);
    return found;
  }

  #bodyState(framing: ResponseFraming): State {
    switch (framing.kind) {
      case 'none':
        return END;
      case 'length':
        return framing.length === 0 ? END : { name: 'length', left: framing.length };
      case 'chunked':
        return { name: 'chunked', body: new ChunkedBody(this.limits, this.#kind) };
      default:
        return UNTIL_CLOSE;
    }
  }
}

/** Reads the requests of one connection, one after another (RFC 9112), up to a CONNECT. */
export class RequestReader extends MessageReader<{ readonly type: 'head'; readonly head: RequestHead }> {
  constructor(limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    super('request', limits);
  }

  protected override readHead(text: string) {
    const head = parseRequestHead(text, this.limits, this.sections);
    this.detachAtEnd = head.method === 'CONNECT';
    return { event: { type: 'head' as const, head }, framing: head.framing };
  }

  protected override checkStart(first: number): void {
    if (TOKEN[first] !== 1) throw malformed('request', 'bytes that begin no request (RFC 9112 3)');
  }

  protected override overLimit(text: string): MessageError {
    return headTooLarge(text, this.limits);
  }

  protected override get expecting(): boolean {
    return false;
  }
}

/** Reads the responses of one connection; `expect` must name the method of each request, in the order sent. */
export class ResponseReader extends MessageReader<Exclude<ResponseEvent, BodyEvent>> {
  readonly #methods: string[] = [];
  #informational = 0;

  constructor(limits: Http1Limits = DEFAULT_HTTP1_LIMITS) {
    super('response', limits);
  }

  /** A request with this method was sent; how its answer is framed depends on it (RFC 9112 6.3). */
  expect(method: string): void {
    this.#methods.push(method);
  }

  protected override readHead(text: string) {
    const method = this.#methods[0] ?? '';
    const head = parseResponseHead(text, method, this.sections);
    if (head.status < 200 && head.status !== 101) {
      this.#informational += 1;
      if (this.#informational > this.limits.maxInformational) throw malformed('response', 'too many 1xx responses');
      return { event: { type: 'informational' as const, head }, framing: undefined };
    }
    this.#methods.shift();
    this.#informational = 0;
    this.detachAtEnd = head.status === 101 || (method === 'CONNECT' && head.status < 300);
    return { event: { type: 'head' as const, head }, framing: head.framing };
  }

  protected override checkStart(first: number): void {
    if (!this.expecting) throw malformed('response', 'bytes that answer no request (RFC 9112 9.2)');
    if (first !== 0x48) throw malformed('response', 'bytes that begin no response (RFC 9112 4)');
  }

  protected override overLimit(): MessageError {
    return tooLarge('response', `a response head longer than ${this.limits.maxHeadBytes} bytes`);
  }

  protected override get expecting(): boolean {
    return this.#methods.length > 0;
  }
}
