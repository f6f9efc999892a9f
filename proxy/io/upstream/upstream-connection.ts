import type { Socket } from 'node:net';
import type { HeaderList } from '../../protocols/header-list.ts';
import { MessageError } from '../../protocols/http1/message-error.ts';
import { ResponseReader } from '../../protocols/http1/message-reader.ts';
import { RequestInContent } from '../../protocols/http1/request-in-content.ts';
import {
  CHUNK_TAIL,
  writeChunkHeader,
  writeLastChunk,
  writeRequestHead,
} from '../../protocols/http1/message-writer.ts';
import { writeUpgrade } from '../../protocols/websocket/handshake.ts';
import type { OutgoingRequest, ResponseListener, UpstreamStream } from '../../http/streams.ts';
import type { ProxyLimits } from '../../limits.ts';
import { Refusal } from '../../refusal.ts';
import { brokenBeforeUse, brokenConnection } from './broken-connection.ts';
import type { KeptConnection, UpstreamOrigin, UpstreamOwner } from './kept-connection.ts';
import { Output } from '../output.ts';
import { TurnWork } from '../turn.ts';

/** Up to so much is copied, to be read at the turn's end. */
const COPY_BYTES = 4_096;

type State =
  | { name: 'idle' }
  | { name: 'busy'; listener: ResponseListener; answered: boolean }
  /** The protocol was switched: bytes go to the listener as they come. */
  | { name: 'bare'; listener: ResponseListener }
  /** The whole answer was read, but its exchange still works on it. */
  | { name: 'answered'; listener: ResponseListener }
  | { name: 'closed' };

/** Who keeps connections for one exchange after another. */
interface ExchangeOwner extends UpstreamOwner<UpstreamConnection> {
  /** Its exchange ended well: it may serve another. */
  released(connection: UpstreamConnection): void;
}

/** One HTTP/1.1 connection to one checked address, carrying one exchange at a time. */
export class UpstreamConnection implements UpstreamStream, KeptConnection {
  readonly origin: UpstreamOrigin;
  seat = -1;
  readonly mayRefuse = false;
  idleSince: number;
  readonly #output: Output;
  readonly #socket: Socket;
  readonly #reader: ResponseReader;
  readonly #owner: ExchangeOwner;
  readonly #readLater = new TurnWork('read', () => this.#read());
  /** Exchanges that ended well on this connection. */
  #uses = 0;
  #keepAlive = false;
  #retired = false;
  #chunked = false;
  /** Octets that the Content-Length of the request promises and that were not sent yet. */
  #owed = 0;
  #method = '';
  #content: RequestInContent | undefined;
  #state: State = { name: 'idle' };
  #paused = false;

  constructor(socket: Socket, origin: UpstreamOrigin, limits: ProxyLimits, owner: ExchangeOwner) {
    this.#socket = socket;
    this.origin = origin;
    this.idleSince = origin.openedAt;
    this.#output = new Output(socket);
    this.#reader = new ResponseReader(limits);
    this.#owner = owner;
    socket.on('end', () => this.#ended());
    socket.on('drain', () => {
      if (this.#state.name === 'busy' || this.#state.name === 'bare') this.#state.listener.onUpstreamDrain();
    });
    socket.on('error', (cause) => this.#lost(brokenConnection(cause)));
    socket.on('close', () => this.#lost(new Refusal('upstream-closed', 'the upstream closed the connection')));
  }

  get address(): string {
    return this.origin.address;
  }

  get busy(): boolean {
    return this.#state.name !== 'idle';
  }

  get usable(): boolean {
    return (
      this.#state.name === 'idle' &&
      !this.#socket.destroyed &&
      this.#socket.writable &&
      this.#reader.bufferedBytes === 0
    );
  }

  sendHead(request: OutgoingRequest, listener: ResponseListener): void {
    if (this.#state.name !== 'idle') throw new Error('upstream connection is not idle');
    const { method, target, length, authority, webSocketKey } = request;
    const headers = webSocketKey === undefined ? request.headers : request.headers.clone();
    if (webSocketKey !== undefined) writeUpgrade(headers, webSocketKey);
    this.#state = { name: 'busy', listener, answered: false };
    this.#keepAlive = false;
    this.#reader.expect(method);
    this.resume();
    headers.set('host', authority);
    this.#method = method;
    this.#content = undefined;
    this.#chunked = length === 'unknown';
    if (this.#chunked) headers.set('transfer-encoding', 'chunked');
    this.#owed = length === 'declared' ? Number(headers.get('content-length')) : 0;
    this.#output.addText(writeRequestHead(method, target, headers));
  }

  sendBody(bytes: Buffer): void {
    if (this.#state.name === 'closed') return;
    if (this.#state.name !== 'bare') {
      this.#content ??= new RequestInContent(this.#method);
      this.#content.read(bytes);
      if (!this.#chunked) this.#pay(bytes.length);
    }
    if (this.#chunked) this.#output.add(writeChunkHeader(bytes.length));
    this.#output.addCopy(bytes);
    if (this.#chunked) this.#output.add(CHUNK_TAIL);
  }

  sendEnd(trailers: HeaderList | undefined): void {
    if (this.#state.name === 'closed') return;
    if (this.#owed !== 0) throw new Error('less content was sent than the Content-Length says');
    if (this.#chunked) this.#output.add(writeLastChunk(trailers));
    this.#chunked = false;
  }

  /** What is more would be read as the next request on this connection, what is less would take of it: a bug of ours. */
  #pay(bytes: number): void {
    this.#owed -= bytes;
    if (this.#owed < 0) throw new Error('more content was sent than the Content-Length says');
  }

  flush(): boolean {
    return this.#output.flush();
  }

  upgrade(): void {
    if (this.#state.name === 'busy') this.#state = { name: 'bare', listener: this.#state.listener };
  }

  release(whole: boolean): void {
    const mayGoOn = this.#keepAlive && !this.#retired && this.#content?.found !== true;
    if (!whole || !mayGoOn || this.#state.name !== 'answered') return this.destroy();
    this.#state = { name: 'idle' };
    this.#uses += 1;
    this.idleSince = this.#owner.now();
    this.resume();
    this.#owner.released(this);
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
    this.#read();
  }

  /** A busy one closes with its exchange, as what it was checked under is over. */
  retire(): void {
    if (this.#state.name === 'idle') this.destroy();
    else this.#retired = true;
  }

  destroy(): void {
    // A WebSocket's Close frame still leaves; of a call that was refused in the turn it began in, nothing does.
    if (this.#state.name === 'bare') this.#output.flushNow();
    this.#state = { name: 'closed' };
    this.#socket.destroy();
    this.#owner.closed(this);
  }

  /** What the socket read. The bytes are lent: whatever outlives this call is copied. */
  receive(bytes: Buffer): void {
    // Bytes nobody asked for desynchronise the connection (RFC 9112 6.3): never carry them into the next exchange.
    if (this.#state.name !== 'busy' && this.#state.name !== 'bare') return this.destroy();
    this.#reader.receive(bytes);
    if (bytes.length > COPY_BYTES) this.#read();
    else this.#readLater.ask();
    this.#reader.copyUnread();
  }

  #read(): void {
    try {
      this.#readEvents();
    } catch (cause) {
      this.#fail(failureOf(cause));
    }
  }

  #readBare(listener: ResponseListener): void {
    if (!this.#paused && this.#reader.bufferedBytes > 0) listener.onResponseBody(this.#reader.takeRest());
    listener.onReadDone();
  }

  #readEvents(): void {
    if (this.#state.name === 'bare') return this.#readBare(this.#state.listener);
    while (!this.#paused && this.#state.name === 'busy') {
      const event = this.#reader.next();
      if (event === undefined) break;
      const { listener } = this.#state;
      switch (event.type) {
        case 'informational':
          listener.onInformational(event.head);
          break;
        case 'head':
          this.#state.answered = true;
          this.#keepAlive = event.head.keepAlive && event.head.framing.kind !== 'until-close';
          listener.onResponseHead(event.head);
          break;
        case 'body':
          listener.onResponseBody(event.bytes);
          break;
        case 'end':
          this.#state = { name: 'answered', listener };
          listener.onResponseEnd(event.trailers);
          return;
      }
    }
    this.#tellReadDone();
  }

  /** The listener may have changed the state while it was told of a read. */
  #tellReadDone(): void {
    if (this.#state.name === 'busy') this.#state.listener.onReadDone();
    else if (this.#state.name === 'bare') this.#readBare(this.#state.listener);
  }

  #ended(): void {
    // What is read now may be the end of an answer, behind which the next request must not take this connection.
    this.#retired = true;
    this.#readLater.doNow();
    if (this.#state.name !== 'busy' && this.#state.name !== 'bare') return this.destroy();
    this.#reader.eof();
    // TLS hands on all records of what it read, paused or not: what waits for a slow agent goes ahead of the end.
    this.#paused = false;
    this.#read();
    if (this.#state.name === 'bare') return this.#state.listener.onResponseEnd(undefined);
    this.#fail(new Refusal('upstream-closed', 'the upstream closed before it answered'));
  }

  /** What came before is still read. */
  #lost(cause: Refusal): void {
    this.#readLater.doNow();
    this.#fail(cause);
  }

  #fail(cause: Refusal): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    this.destroy();
    if (cause.reason === 'internal-error' && state.name !== 'idle') {
      return state.listener.onUpstreamError(cause, { answered: true, processed: 'unknown' });
    }
    if (state.name === 'bare') return state.listener.onResponseEnd(undefined);
    if (state.name !== 'busy') return;
    const error = this.#uses > 0 || state.answered ? cause : brokenBeforeUse(cause, this.origin);
    // A server may have closed its kept connection before it saw the request (RFC 9112 9.3.1).
    const stale = this.#uses > 0 && error.reason === 'upstream-closed';
    state.listener.onUpstreamError(error, { answered: state.answered, processed: stale ? 'perhaps-not' : 'unknown' });
  }
}

/** Why reading an answer failed; what is not the upstream's fault is ours, and ends this exchange alone. */
function failureOf(cause: unknown): Refusal {
  if (!(cause instanceof MessageError)) {
    return new Refusal('internal-error', 'the proxy failed to handle the answer', { cause });
  }
  if (cause.code !== 'upstream-closed') {
    return new Refusal('upstream-malformed', "the upstream's answer is malformed", { cause });
  }
  return new Refusal('upstream-closed', 'the upstream closed before its answer was whole', { cause });
}
