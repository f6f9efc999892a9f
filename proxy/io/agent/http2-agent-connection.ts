import type { Duplex } from 'node:stream';
import { Roster } from '../../../common/roster.ts';
import { Call } from '../../http/call.ts';
import type { Transport } from '../../http/request/destination.ts';
import { requestHeadOf } from '../http2-heads.ts';
import { refusalOf } from '../../http/answer/refusal-reply.ts';
import type { ProxyServices } from '../../http/services.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { Http2Error } from '../../protocols/http2/http2-error.ts';
import { Http2Connection } from '../../sessions/http2/connection.ts';
import { StreamMap } from '../../sessions/http2/stream-map.ts';
import type { Http2Event, RequestHeadEvent } from '../../sessions/http2/events.ts';
import { AgentReads } from './agent-reads.ts';
import type { AgentSession } from './agent-sessions.ts';
import { FrameWriter } from '../frame-writer.ts';
import { Http2AgentStream, type Http2AgentParts } from './http2-agent-stream.ts';
import { LINGER_MS } from '../linger.ts';
import { StreamDeadlines } from './stream-deadlines.ts';
import { TurnWork } from '../turn.ts';

const TICK_MS = 1_000;
/** For so long a request may go on behind its answer: curl 7.88 loses an answer whose request is stopped at once. */
const UNENDED_MS = 1_000;

/** An agent's HTTP/2 connection: each of its streams is an exchange of its own, decided on its own. */
export class Http2AgentConnection implements AgentSession {
  readonly #services: ProxyServices;
  readonly #socket: Duplex;
  readonly #http2: Http2Connection;
  readonly #writer: FrameWriter;
  readonly #parts: Http2AgentParts;
  readonly #streams = new StreamMap<Http2AgentStream>();
  /** Streams that were told something since the last read was done. */
  readonly #touched = new Roster<Http2AgentStream>();
  /** Streams whose exchange is over while a part of the answer waits for the agent's window. */
  readonly #leaving = new StreamDeadlines();
  /** Streams whose answer has left while the request goes on, which nobody reads. */
  readonly #unended = new StreamDeadlines();
  readonly #readLater = new TurnWork('read', () => this.#read());
  /** A request that waits for others, or for the agent to read what it was told; nothing behind it was read. */
  #next: RequestHeadEvent | undefined;
  /** Until when the agent may do nothing while it has no call. */
  #idleUntil: number;
  #lastTick: number;
  #ended = false;
  #closing = false;

  constructor(services: ProxyServices, socket: Duplex, transport: Transport) {
    const { limits, held } = services;
    this.#services = services;
    this.#socket = socket;
    this.#http2 = new Http2Connection('server', limits.http2, held);
    this.#writer = new FrameWriter(socket, this.#http2);
    this.#lastTick = services.monotonicMs();
    this.#idleUntil = this.#lastTick + limits.headerTimeoutMs;
    this.#parts = {
      services,
      transport,
      http2: this.#http2,
      writer: this.#writer,
      forget: (id) => this.#forget(id),
    };
    new AgentReads(socket, this.#http2, (bytes) => this.#receive(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#onClose());
    this.#writer.flush();
  }

  /** The agent does not read what it is told: answers without a body, which no window holds up, would pile up. */
  get #isOwed(): boolean {
    return this.#writer.full && this.#http2.untakenBytes > this.#services.limits.highWaterBytes;
  }

  get deadlineAt(): number {
    return Math.min(this.#leaving.next, this.#unended.next, this.#idleUntil);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  drain(): void {
    this.#http2.shutdown();
    this.#writer.schedule();
    this.#closeIfDone();
  }

  expire(): void {
    const now = this.#services.monotonicMs();
    for (const id of this.#leaving.takeDue(now)) this.#reset(id, 'CANCEL');
    // The rest of the request is of no use (RFC 9113 8.1).
    for (const id of this.#unended.takeDue(now)) this.#reset(id, 'NO_ERROR');
    if (this.#idleUntil > now) return;
    if (this.#closing) return this.destroy();
    this.#http2.shutdown();
    this.#close();
  }

  #receive(bytes: Buffer): void {
    if (this.#closing) return;
    const now = this.#services.monotonicMs();
    if (now - this.#lastTick >= TICK_MS) {
      this.#lastTick = now;
      this.#http2.tick();
    }
    this.#http2.receive(bytes);
    if (this.#next === undefined) this.#read();
    else this.#socket.pause();
  }

  #read(): void {
    if (this.#closing) return;
    try {
      this.#readEvents();
    } catch (error) {
      this.#broken(error);
    }
    for (const stream of this.#touched.takeAll()) this.#give(stream, undefined);
    if (this.#leaving.size > 0) this.#letLeave();
    this.#writer.schedule();
    if (this.#next !== undefined) {
      if (!this.#isOwed) this.#readLater.ask();
      return;
    }
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#ended) this.drain();
  }

  /** Reads as far as the second request: what is answered at once can be asked without end, while others wait. */
  #readEvents(): void {
    let hasBegun = false;
    for (let event = this.#next ?? this.#http2.next(); event !== undefined; event = this.#http2.next()) {
      if (event.type !== 'request-head') {
        this.#take(event);
        continue;
      }
      const mustWait = hasBegun || this.#isOwed;
      this.#next = mustWait ? event : undefined;
      if (mustWait) return;
      hasBegun = true;
      this.#begin(event);
    }
  }

  #take(event: Exclude<Http2Event, RequestHeadEvent>): void {
    if (!('stream' in event)) return;
    const stream = this.#streams.get(event.stream);
    if (stream === undefined) return this.#takeUnread(event);
    this.#touched.add(stream);
    this.#give(stream, event);
  }

  /** An event of a stream that has no exchange, or none any more. */
  #takeUnread(event: Exclude<Http2Event, RequestHeadEvent | { type: 'goaway' | 'settings' }>): void {
    const { stream: id } = event;
    const isKnown = this.#leaving.has(id) || this.#unended.has(id);
    if (event.type === 'end') this.#http2.consume(id, Number.POSITIVE_INFINITY);
    if (event.type === 'end' || event.type === 'reset') this.#unended.delete(id);
    // A head that the codec refused is a call all the same; one whose answer waits has its record.
    if (event.type !== 'reset' || event.by !== 'us' || isKnown) return;
    this.#record(event.code === 'REFUSED_STREAM' ? 'overloaded' : 'bad-request');
  }

  /** An event, or undefined when those of one read were given. What fails with it ends its own exchange. */
  #give(stream: Http2AgentStream, event: Http2Event | undefined): void {
    try {
      switch (event?.type) {
        case 'body':
          return stream.onBody(event.bytes);
        case 'end':
          return stream.onEnd(event.trailers);
        case 'writable':
          return stream.onWritable(true);
        case 'reset':
          return stream.onReset();
        case undefined:
          return stream.onReadDone();
        default:
      }
    } catch (error) {
      stream.failed(error);
    }
  }

  #begin({ stream: id, head, endStream }: RequestHeadEvent): void {
    this.#idleUntil = Number.POSITIVE_INFINITY;
    const stream = new Http2AgentStream(id, requestHeadOf(head, endStream), this.#parts);
    this.#streams.set(id, stream);
    this.#touched.add(stream);
    stream.start();
  }

  #record(reason: Reason): void {
    this.#services.ended(new Call(''), Outcome.OUTCOME_DENIED, reason);
  }

  #forget(id: number): void {
    if (!this.#streams.delete(id)) return;
    const { limits, state } = this.#services;
    const now = this.#services.monotonicMs();
    if (this.#http2.queuedBytes(id) > 0) this.#leaving.add(id, now + limits.bodyIdleTimeoutMs);
    else this.#letEnd(id, now);
    if (this.#streams.size > 0) return;
    this.#idleUntil = now + limits.agentIdleTimeoutMs;
    if (state.draining) this.drain();
    else if (this.#ended) this.#readLater.ask();
  }

  /** Looks which answers have left whole by now. */
  #letLeave(): void {
    for (const id of this.#leaving.ids) {
      if (this.#http2.queuedBytes(id) > 0) continue;
      this.#leaving.delete(id);
      this.#letEnd(id, this.#services.monotonicMs());
    }
    if (this.#services.state.draining) this.#closeIfDone();
  }

  /** The answer has left, and nobody reads what came of the request. */
  #letEnd(id: number, now: number): void {
    if (!this.#http2.isReceiving(id)) return this.#http2.consume(id, Number.POSITIVE_INFINITY);
    this.#unended.add(id, now + UNENDED_MS);
  }

  #reset(id: number, code: 'CANCEL' | 'NO_ERROR'): void {
    this.#http2.reset(id, code);
    this.#writer.schedule();
  }

  #closeIfDone(): void {
    if (this.#next !== undefined) return;
    // Without its side of the connection, the agent can open no window any more.
    if (this.#streams.size === 0 && (this.#leaving.size === 0 || this.#ended)) this.#close();
  }

  #onDrain(): void {
    this.#writer.flush();
    for (const stream of this.#streams.values()) stream.onWritable(false);
    if (this.#next !== undefined) this.#readLater.ask();
  }

  /** The agent will send no more: what it asked before is still answered. */
  #onEnd(): void {
    this.#ended = true;
    this.#readLater.ask();
  }

  #broken(error: unknown): void {
    if (!(error instanceof Http2Error)) {
      const call = new Call('');
      this.#services.ended(call, Outcome.OUTCOME_FAILED, refusalOf(error, call).reason);
      return this.destroy();
    }
    if (this.#streams.size === 0) this.#record('bad-request');
    this.#abandon();
    this.#close();
  }

  #onClose(): void {
    this.#closing = true;
    this.#abandon();
    this.#http2.abandon();
  }

  #abandon(): void {
    for (const stream of this.#streams.values()) stream.onReset();
    this.#leaving.clear();
    this.#unended.clear();
  }

  /** As an AgentConnection does: the agent may read what is said last as slowly as an answer. */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const services = this.#services;
    this.#idleUntil = services.monotonicMs() + services.limits.bodyIdleTimeoutMs;
    this.#socket.once('finish', () => {
      this.#idleUntil = services.monotonicMs() + LINGER_MS;
    });
    this.#writer.end();
    this.#socket.resume();
  }
}
