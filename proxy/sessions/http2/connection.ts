import type { HeaderList } from '../../protocols/header-list.ts';
import { FrameType, MAX_31_BITS, PREFACE } from '../../protocols/http2/frames.ts';
import type { Http2RequestHead, Http2ResponseHead } from '../../protocols/http2/heads.ts';
import { ErrorCode, type ErrorName, Http2Error } from '../../protocols/http2/http2-error.ts';
import { Setting, writeSettings } from '../../protocols/http2/settings.ts';
import { ConnectionState } from './connection-state.ts';
import type { SpareBytes } from './credit.ts';
import type { Http2Event, Http2Role } from './events.ts';
import { Inbound } from './inbound.ts';
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from './limits.ts';
import { Stream } from './stream.ts';

/**
 * One HTTP/2 connection (RFC 9113), either end of it, without its socket. What arrives goes into receive(), what it
 * means comes out of next(); what is said goes in by open() to shutdown(), and what to write comes out of
 * takeOutput(). After each round of calls the output is to be taken, but only while the socket takes it: a peer that
 * does not read what it provoked is found by what piles up. Calls for a stream that is gone do nothing, as its end may
 * be an event that was not pulled yet.
 */
export class Http2Connection {
  readonly #state: ConnectionState;
  readonly #inbound: Inbound;
  #error: Http2Error | undefined;

  constructor(role: Http2Role, limits: Partial<Http2Limits> = {}, spare: SpareBytes = NOTHING_TO_SPARE) {
    const state = new ConnectionState(role, { ...DEFAULT_HTTP2_LIMITS, ...limits }, spare);
    this.#state = state;
    this.#inbound = new Inbound(state);
    const { frames } = state.outbound;
    if (role === 'client') frames.raw(PREFACE);
    frames.raw(writeSettings(settingsOf(state)));
    state.credit.refill();
  }

  /** Lends bytes, until next() has said undefined or copyUnread() was called. */
  receive(bytes: Buffer): void {
    this.#inbound.receive(bytes);
  }

  /** Copies what is unread, so that the owner of the received buffers may write over them. */
  copyUnread(): void {
    this.#inbound.copyUnread();
  }

  /** The next event, or undefined while bytes are missing. Throws Http2Error, and from then on the same one. */
  next(): Http2Event | undefined {
    const { events } = this.#state;
    while (events.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      try {
        if (!this.#inbound.step()) return undefined;
      } catch (error) {
        if (!(error instanceof Http2Error)) throw error;
        this.#die(error);
      }
    }
    return events.shift();
  }

  /** Opens a stream (client); undefined if it may not: see canOpen, and extended CONNECT that the peer does not take. */
  open(head: Http2RequestHead, endStream: boolean): number | undefined {
    const state = this.#state;
    if (!this.canOpen) return undefined;
    if (head.protocol !== undefined && !state.peer.enableConnectProtocol) return undefined;
    const id = state.streams.lastOwn === 0 ? 1 : state.streams.lastOwn + 2;
    const windows = { send: state.peer.initialWindowBytes, receive: state.credit.initialWindow };
    const stream = new Stream(id, 'head', endStream ? 'done' : 'body', head.method, windows);
    this.#encode(() => state.outbound.requestHead(id, head, endStream));
    state.streams.lastOwn = id;
    state.opened(stream);
    state.credit.openedByUs(stream);
    return id;
  }

  /** Says an interim response (server). */
  sendInformational(stream: number, head: Http2ResponseHead): void {
    const { outbound, streams } = this.#state;
    const found = streams.get(stream);
    if (found === undefined) return;
    if (found.sending !== 'head') throw new Error('an interim response behind the final one');
    this.#encode(() => outbound.responseHead(stream, head, false));
  }

  /** Says the response's head (server). */
  sendHead(stream: number, head: Http2ResponseHead, endStream: boolean): void {
    const { outbound, streams } = this.#state;
    const found = streams.get(stream);
    if (found === undefined) return;
    if (found.sending !== 'head') throw new Error('a second response on a stream');
    found.sending = endStream ? 'done' : 'body';
    this.#encode(() => outbound.responseHead(stream, head, endStream));
    this.#state.settle(found);
  }

  /** Says body; it is copied. False: part of it waits for a window, so say no more until `writable` comes. */
  sendData(stream: number, bytes: Buffer): boolean {
    const found = this.#state.streams.get(stream);
    if (found === undefined) return true;
    if (found.sending !== 'body') throw new Error('body before the head or behind the end');
    return this.#state.outbound.data(found, bytes);
  }

  /** Ends our side of a stream, behind the body that waits. */
  sendEnd(stream: number, trailers?: HeaderList): void {
    const found = this.#state.streams.get(stream);
    if (found === undefined) return;
    if (found.sending !== 'body') throw new Error('the end before the head or behind the end');
    this.#encode(() => this.#state.outbound.end(found, trailers));
    this.#state.settle(found);
  }

  /** Gives a stream up in both directions (RFC 9113 6.4); no event follows for it. */
  reset(stream: number, code: ErrorName): void {
    if (this.#state.streams.get(stream) !== undefined) this.#state.reset(stream, ErrorCode[code]);
  }

  /** Whether the stream is not over in both directions. */
  isOpen(stream: number): boolean {
    return this.#state.streams.get(stream) !== undefined;
  }

  /** Whether more may come on the stream. */
  isReceiving(stream: number): boolean {
    const found = this.#state.streams.get(stream);
    return found !== undefined && found.receiving !== 'done';
  }

  /** Octets told in a `body` event were used, so that as many more may come. */
  consume(stream: number, byteCount: number): void {
    const { credit, streams } = this.#state;
    const found = streams.get(stream);
    if (found === undefined) return;
    const count = Math.min(byteCount, found.unconsumedBytes);
    found.unconsumedBytes -= count;
    credit.giveBackOn(found, count);
    this.#state.settle(found);
  }

  /** The connection is gone, and with it all streams, without an event. */
  abandon(): void {
    for (const stream of this.#state.streams.values()) this.#state.drop(stream);
  }

  /** Takes no new streams (RFC 9113 6.8); those that are open may finish. */
  shutdown(): void {
    if (this.#state.closing) return;
    this.#state.closing = true;
    this.#state.outbound.frames.numbers(FrameType.GOAWAY, 0, this.#state.streams.lastPeer, ErrorCode.NO_ERROR);
  }

  /** A second has passed; see Allowance. Without it, long idle connections that are pinged run out. */
  tick(): void {
    this.#state.control.tick();
    this.#state.resets.tick();
  }

  /** All that is to be written now, in order; it is the caller's. */
  takeOutput(): Buffer[] {
    this.#state.replyBytes = 0;
    return this.#state.outbound.frames.take();
  }

  get openStreams(): number {
    return this.#state.streams.size;
  }

  /** Whether open() may open a stream now. */
  get canOpen(): boolean {
    return this.room > 0;
  }

  /** How many streams open() may open now. */
  get room(): number {
    const { limits, peer, role, streams } = this.#state;
    if (role !== 'client' || this.exhausted) return 0;
    return Math.max(0, Math.min(peer.maxConcurrentStreams, limits.maxConcurrentStreams) - streams.size);
  }

  /** Whether this connection will never open another stream, so that a pool has to replace it. */
  get exhausted(): boolean {
    const { closing, peerClosing, streams } = this.#state;
    return this.#error !== undefined || closing || peerClosing || streams.lastOwn > MAX_31_BITS - 2;
  }

  /** Whether the peer takes extended CONNECT (RFC 8441 3). */
  get remoteAllowsExtendedConnect(): boolean {
    return this.#state.peer.enableConnectProtocol;
  }

  /** Octets held: arrived and unread, waiting for a window, and not taken for writing. */
  get bufferedBytes(): number {
    const { outbound } = this.#state;
    return this.#inbound.bufferedBytes + outbound.queuedBytes + outbound.frames.length;
  }

  /** Octets of frames that nobody took for writing. */
  get untakenBytes(): number {
    return this.#state.outbound.frames.length;
  }

  /** Octets of a stream's body that wait for a window. */
  queuedBytes(stream: number): number {
    return this.#state.streams.get(stream)?.queuedBytes ?? 0;
  }

  /** A head that breaks off half encoded leaves the compression state unknown: nothing may follow it. */
  #encode(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#die(new Http2Error('INTERNAL_ERROR', 'a message that may not be written'));
      throw error;
    }
  }

  /** Says GOAWAY for the last time (RFC 9113 5.4.1). */
  #die(error: Http2Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    const { outbound, streams } = this.#state;
    outbound.frames.numbers(FrameType.GOAWAY, 0, streams.lastPeer, ErrorCode[error.code]);
  }
}

const NOTHING_TO_SPARE: SpareBytes = { takeSpare: () => false, give: () => {} };

/** What we tell of ourselves; what is as the RFC has it anyway is left out. */
function settingsOf(state: ConnectionState): [number, number][] {
  const { limits, role } = state;
  const entries: [number, number][] = [
    [Setting.INITIAL_WINDOW_SIZE, Math.min(MAX_31_BITS, limits.streamWindowBytes)],
    [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
  ];
  if (role === 'client') entries.push([Setting.ENABLE_PUSH, 0]);
  else
    entries.push([Setting.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams], [Setting.ENABLE_CONNECT_PROTOCOL, 1]);
  if (limits.decoderTableBytes !== 4_096) entries.push([Setting.HEADER_TABLE_SIZE, limits.decoderTableBytes]);
  if (limits.maxFrameBytes !== 16_384) entries.push([Setting.MAX_FRAME_SIZE, limits.maxFrameBytes]);
  return entries;
}
