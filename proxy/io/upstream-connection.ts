import type { Socket } from 'node:net';
import type { HeaderList } from '../protocols/header-list.ts';
import { MessageError } from '../protocols/http1/message-error.ts';
import { ResponseReader } from '../protocols/http1/message-reader.ts';
import type { ResponseHead } from '../protocols/http1/response-head.ts';
import { Refusal } from '../http/refusal.ts';
import type { ProxyLimits } from '../limits.ts';
import { Output } from './output.ts';

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
  onUpstreamError(error: Refusal, answered: boolean): void;
}

type State =
  | { name: 'idle' }
  | { name: 'busy'; listener: ResponseListener; answered: boolean }
  /** The whole answer was read, but its exchange still works on it. */
  | { name: 'answered' }
  | { name: 'closed' };

/** One connection to one checked address, carrying one exchange at a time. */
export class UpstreamConnection {
  readonly key: string;
  readonly address: string;
  readonly openedAt: number;
  /** Which change of the routes it was checked under. */
  readonly routesSince: number;
  readonly output: Output;
  /** Exchanges that ended well on this connection. */
  uses = 0;
  idleSince = 0;
  readonly #socket: Socket;
  readonly #reader: ResponseReader;
  readonly #onClosed: (connection: UpstreamConnection) => void;
  #state: State = { name: 'idle' };
  #paused = false;

  constructor(
    socket: Socket,
    at: { key: string; address: string; now: number; routesSince: number },
    limits: ProxyLimits,
    onClosed: (connection: UpstreamConnection) => void,
  ) {
    this.#socket = socket;
    this.key = at.key;
    this.address = at.address;
    this.openedAt = at.now;
    this.routesSince = at.routesSince;
    this.output = new Output(socket);
    this.#reader = new ResponseReader(limits);
    this.#onClosed = onClosed;
    socket.on('end', () => this.#ended());
    socket.on('drain', () => {
      if (this.#state.name === 'busy') this.#state.listener.onUpstreamDrain();
    });
    socket.on('error', (cause) =>
      this.#fail(new Refusal('upstream-closed', 'the upstream broke the connection', { cause })),
    );
    socket.on('close', () => this.#fail(new Refusal('upstream-closed', 'the upstream closed the connection')));
  }

  get usable(): boolean {
    return (
      this.#state.name === 'idle' &&
      !this.#socket.destroyed &&
      this.#socket.writable &&
      this.#reader.bufferedBytes === 0
    );
  }

  /** Takes the connection for one exchange with this method. */
  begin(listener: ResponseListener, method: string): void {
    if (this.#state.name !== 'idle') throw new Error('upstream connection is not idle');
    this.#state = { name: 'busy', listener, answered: false };
    this.#reader.expect(method);
    this.resume();
  }

  /** The exchange ended well and both sides keep the connection. */
  release(): void {
    if (this.#state.name === 'answered') this.#state = { name: 'idle' };
    this.uses += 1;
    this.resume();
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

  destroy(): void {
    this.#state = { name: 'closed' };
    this.#socket.destroy();
    this.#onClosed(this);
  }

  /** What the socket read. The bytes are lent: whatever outlives this call is copied. */
  receive(bytes: Buffer): void {
    // Bytes nobody asked for desynchronise the connection (RFC 9112 6.3): never carry them into the next exchange.
    if (this.#state.name !== 'busy') return this.destroy();
    this.#reader.receive(bytes);
    this.#read();
    this.#reader.copyUnread();
  }

  #read(): void {
    try {
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
            listener.onResponseHead(event.head);
            break;
          case 'body':
            listener.onResponseBody(event.bytes);
            break;
          case 'end':
            this.#state = { name: 'answered' };
            listener.onResponseEnd(event.trailers);
            return;
        }
      }
    } catch (cause) {
      if (!(cause instanceof MessageError)) throw cause;
      if (cause.code === 'upstream-closed') {
        return this.#fail(new Refusal('upstream-closed', 'the upstream closed before its answer was whole', { cause }));
      }
      return this.#fail(new Refusal('upstream-malformed', "the upstream's answer is malformed", { cause }));
    }
    if (this.#state.name === 'busy') this.#state.listener.onReadDone();
  }

  #ended(): void {
    if (this.#state.name !== 'busy') return this.destroy();
    this.#reader.eof();
    this.#paused = false;
    this.#read();
    this.#fail(new Refusal('upstream-closed', 'the upstream closed before it answered'));
  }

  #fail(error: Refusal): void {
    const state = this.#state;
    if (state.name === 'closed') return;
    this.destroy();
    if (state.name === 'busy') state.listener.onUpstreamError(error, state.answered);
  }
}
