import type { Duplex } from 'node:stream';
import { Call } from '../http/call.ts';
import type { Transport } from '../http/destination.ts';
import { requestHeadOf } from '../http/http2-heads.ts';
import type { ProxyServices } from '../http/services.ts';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Http2RequestHead } from '../protocols/http2/heads.ts';
import { Http2Error } from '../protocols/http2/http2-error.ts';
import { Http2Connection } from '../sessions/http2/connection.ts';
import type { Http2Event } from '../sessions/http2/events.ts';
import type { AgentSession } from './agent-session.ts';
import { FrameWriter } from './frame-writer.ts';
import { Http2AgentStream, type Http2AgentParts, stopRequest } from './http2-agent-stream.ts';

const TICK_MS = 1_000;
const LINGER_MS = 2_000;

/** An agent's HTTP/2 connection: each of its streams is an exchange of its own, decided on its own. */
export class Http2AgentConnection implements AgentSession {
  deadlineAt: number;
  readonly #services: ProxyServices;
  readonly #socket: Duplex;
  readonly #http2: Http2Connection;
  readonly #writer: FrameWriter;
  readonly #parts: Http2AgentParts;
  readonly #streams = new Map<number, Http2AgentStream>();
  /** Streams that were told something since the last read was done. */
  readonly #touched = new Set<Http2AgentStream>();
  #lastTick: number;
  #closing = false;

  constructor(services: ProxyServices, socket: Duplex, transport: Transport) {
    const { limits, clock } = services;
    this.#services = services;
    this.#socket = socket;
    this.#http2 = new Http2Connection('server', { ...limits.http2, enableConnectProtocol: true });
    this.#writer = new FrameWriter(socket, this.#http2);
    this.#lastTick = clock.now();
    this.deadlineAt = this.#lastTick + limits.headerTimeoutMs;
    this.#parts = {
      services,
      transport,
      http2: this.#http2,
      writer: this.#writer,
      forget: (id) => this.#forget(id),
    };
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#onClose());
    this.#writer.flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  drain(): void {
    this.#http2.shutdown();
    this.#writer.schedule();
    if (this.#streams.size === 0) this.#close();
  }

  expire(): void {
    if (this.#streams.size > 0) return;
    if (this.#closing) return this.destroy();
    this.#http2.shutdown();
    this.#close();
  }

  #receive(bytes: Buffer): void {
    if (this.#closing) return;
    const now = this.#services.clock.now();
    if (now - this.#lastTick >= TICK_MS) {
      this.#lastTick = now;
      this.#http2.tick();
    }
    this.#http2.receive(bytes);
    try {
      for (let event = this.#http2.next(); event !== undefined; event = this.#http2.next()) this.#take(event);
    } catch (error) {
      this.#broken(error);
    }
    for (const stream of this.#touched) stream.onReadDone();
    this.#touched.clear();
    this.#writer.flush();
  }

  #take(event: Http2Event): void {
    if (event.type === 'request-head') return this.#begin(event.stream, event.head, event.endStream);
    if (!('stream' in event)) return;
    const stream = this.#streams.get(event.stream);
    if (stream === undefined) {
      if (event.type === 'body') stopRequest(this.#http2, event.stream);
      // A head that the codec refused is a call all the same.
      if (event.type === 'reset' && event.by === 'us') this.#record(event.stream);
      return;
    }
    this.#touched.add(stream);
    switch (event.type) {
      case 'body':
        return stream.onBody(event.bytes);
      case 'end':
        return stream.onEnd(event.trailers);
      case 'writable':
        return stream.onWritable(true);
      case 'reset':
        return stream.onReset();
      default:
    }
  }

  #begin(id: number, head: Http2RequestHead, endStream: boolean): void {
    this.deadlineAt = Number.POSITIVE_INFINITY;
    const stream = new Http2AgentStream(id, requestHeadOf(head, endStream), this.#parts);
    this.#streams.set(id, stream);
    this.#touched.add(stream);
    stream.start();
  }

  #record(_stream: number): void {
    this.#services.ended(new Call(''), Outcome.OUTCOME_DENIED, 'bad-request');
  }

  #forget(id: number): void {
    this.#streams.delete(id);
    if (this.#streams.size > 0) return;
    const { clock, limits, state } = this.#services;
    this.deadlineAt = clock.now() + limits.agentIdleTimeoutMs;
    if (state.draining) this.drain();
  }

  #onDrain(): void {
    this.#writer.flush();
    if (this.#writer.full) return;
    for (const stream of [...this.#streams.values()]) stream.onWritable(false);
  }

  /** The agent will send no more: what it asked before is still answered. */
  #onEnd(): void {
    if (this.#streams.size === 0) this.#close();
    else this.#http2.shutdown();
  }

  #broken(error: unknown): void {
    if (!(error instanceof Http2Error)) {
      this.destroy();
      throw error;
    }
    if (this.#streams.size === 0) this.#record(0);
    this.#close();
    this.#abandon();
  }

  #onClose(): void {
    this.#closing = true;
    this.#abandon();
  }

  #abandon(): void {
    for (const stream of [...this.#streams.values()]) stream.onReset();
    this.#streams.clear();
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.deadlineAt = this.#services.clock.now() + LINGER_MS;
    this.#writer.end();
    this.#socket.resume();
  }
}
