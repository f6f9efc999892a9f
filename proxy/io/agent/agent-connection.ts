import type { RequestHead } from '../../protocols/heads.ts';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Exchange } from '../../http/exchange.ts';
import type { Transport } from '../../http/request/destination.ts';
import type { AgentStream, BodyLength } from '../../http/streams.ts';
import { httpDate } from './http-date.ts';
import { refusalOf, refusalReply, toRefusal } from '../../http/answer/refusal-reply.ts';
import { Call } from '../../http/call.ts';
import type { ProxyServices } from '../../http/services.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { MessageError } from '../../protocols/http1/message-error.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { RequestReader } from '../../protocols/http1/message-reader.ts';
import { authenticateCaller } from './proxy-authentication.ts';
import { Refusal } from '../../refusal.ts';
import { AgentReads } from './agent-reads.ts';
import type { AgentSession } from './agent-sessions.ts';
import type { ConnectHandler } from './http-connect.ts';
import { Http1Answer } from './http1-answer.ts';
import { LINGER_MS } from '../linger.ts';
import { Output } from '../output.ts';
import { AT_ONCE_BYTES, TurnWork } from '../turn.ts';

/** One HTTP/1.1 byte stream from the agent: requests in order, one exchange at a time. */
export class AgentConnection implements AgentStream, AgentSession {
  readonly transport: Transport;
  readonly #output: Output;
  readonly #answer: Http1Answer;
  /** By the monotonic clock; passed means the connection is closed. */
  deadlineAt: number;
  readonly #services: ProxyServices;
  readonly #socket: Duplex;
  readonly #reader: RequestReader;
  readonly #onConnect: ConnectHandler | undefined;
  readonly #listeners: readonly (readonly [string, () => void])[] = [
    ['drain', () => this.#onDrain()],
    ['end', () => this.#onEnd()],
    ['error', () => this.destroy()],
    ['close', () => this.#onClose()],
  ];
  readonly #reads: AgentReads;
  readonly #pumpLater = new TurnWork('read', () => this.#pump());
  #exchange: Exchange | undefined;
  /** The head of the request that is being answered. */
  #head: RequestHead | undefined;
  /** The protocol was switched: bytes go to the exchange as they come. */
  #isBare = false;
  #pumping = false;
  /** A request was begun since the last pump() was called: the next one waits for others. */
  #hasBegun = false;
  #requestOpen = false;
  #closing = false;
  #ended = false;
  #handedOver = false;

  constructor(services: ProxyServices, socket: Duplex, transport: Transport, onConnect?: ConnectHandler) {
    this.#services = services;
    this.#socket = socket;
    this.transport = transport;
    this.#onConnect = onConnect;
    this.#reader = new RequestReader(services.limits);
    this.#output = new Output(socket);
    this.#answer = new Http1Answer(this.#output, transport.kind === 'explicit');
    this.deadlineAt = services.monotonicMs() + services.limits.headerTimeoutMs;
    this.#reads = new AgentReads(socket, this.#reader, (bytes) => this.receive(bytes));
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
  }

  get idle(): boolean {
    return this.#exchange === undefined && this.#reader.bufferedBytes === 0;
  }

  /** A part of the present request's body is still to come. */
  get #isUnread(): boolean {
    const framing = this.#head?.framing;
    if (!this.#requestOpen || framing === undefined || framing.kind === 'none') return false;
    return framing.kind !== 'length' || framing.length > 0;
  }

  destroy(): void {
    this.#output.flushNow();
    this.#socket.destroy();
  }

  /** No new request is taken; closes now when idle, else after the present answer. */
  drain(): void {
    if (this.idle) this.#close();
  }

  /** Called by the sweeper once `deadlineAt` has passed. */
  expire(): void {
    if (this.#exchange !== undefined) return;
    if (this.#reader.bufferedBytes === 0 || this.#closing) return this.destroy();
    this.#reject(new Refusal('header-timeout', 'the request head did not arrive in time'));
  }

  resumeRequest(): void {
    this.#pump();
  }

  sendInformational(status: number, headers: HeaderList): void {
    if (this.#head?.version === '1.1') this.#answer.informational(status, headers);
  }

  sendHead(status: number, reason: string, headers: HeaderList, length: BodyLength): void {
    const request = this.#head;
    // Ahead of the request's end an answer closes, since what is left of the request may never come (RFC 9112 9.6). Behind
    // CONNECT, even a refused one, nothing is read.
    const isLast = request === undefined || !request.keepAlive || request.method === 'CONNECT';
    const mayKeep = !isLast && !this.#isUnread && !this.#services.state.draining;
    if (!headers.has('date')) headers.append('Date', httpDate(this.#services.clock.now()));
    this.#answer.head(status, reason, headers, length, { request, mayKeep });
  }

  sendBody(bytes: Buffer): void {
    this.#answer.body(bytes);
  }

  sendEnd(trailers: HeaderList | undefined): void {
    this.#answer.end(trailers);
  }

  upgrade(headers: HeaderList): void {
    this.#isBare = true;
    this.#answer.upgrade(headers);
  }

  flush(): boolean {
    return this.#output.flush();
  }

  ended(): void {
    this.#exchange = undefined;
    const { limits, state } = this.#services;
    this.deadlineAt = this.#services.monotonicMs() + limits.agentIdleTimeoutMs;
    if (!this.#answer.keepAlive || this.#isUnread || state.draining) return this.#close();
    this.#head = undefined;
    this.#pump();
  }

  abort(): void {
    this.#answer.breakOff();
    this.destroy();
  }

  /** Takes bytes that came; also those that were read of the socket before it was this connection's. */
  receive(bytes: Buffer): void {
    if (this.#closing) return;
    if (this.idle) this.deadlineAt = this.#services.monotonicMs() + this.#services.limits.headerTimeoutMs;
    this.#reader.receive(bytes);
    if (this.#reader.bufferedBytes >= AT_ONCE_BYTES) this.#pump();
    else this.#pumpLater.ask();
  }

  #pump(): void {
    if (this.#pumping) return;
    if (this.#isBare) return this.#pumpBare();
    this.#pumping = true;
    this.#hasBegun = false;
    try {
      while (this.#step());
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pumping = false;
    }
    this.#exchange?.onRequestReadDone();
    if (this.#hasBegun && this.#exchange === undefined) this.#pumpLater.ask();
    const full = this.#reader.bufferedBytes > this.#services.limits.highWaterBytes;
    if (full && !this.#closing) this.#socket.pause();
    else if (this.#socket.isPaused() && !this.#handedOver) this.#socket.resume();
    this.#closeIfDone();
  }

  #pumpBare(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#pumping = true;
    if (exchange.acceptsRequest && this.#reader.bufferedBytes > 0) exchange.onRequestBody(this.#reader.takeRest());
    exchange.onRequestReadDone();
    this.#pumping = false;
    if (this.#closing) return;
    if (!exchange.acceptsRequest) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#ended && this.#reader.bufferedBytes === 0) exchange.onRequestEnd(undefined);
  }

  /** Handles one event of the reader; false when there is none or it must wait. */
  #step(): boolean {
    if (this.#closing) return false;
    const exchange = this.#exchange;
    // A pipelining agent that reads no answers gets no further ones, so that they do not pile up.
    if (exchange === undefined && (this.#output.full || this.#hasBegun)) return false;
    // The next request waits until this one is answered: answers go out in the order of the requests (RFC 9112 9.3.2).
    if (exchange !== undefined && (!this.#requestOpen || !exchange.acceptsRequest)) return false;
    const event = this.#reader.next();
    if (event === undefined) return false;
    switch (event.type) {
      case 'head':
        return this.#begin(event.head);
      case 'body':
        exchange?.onRequestBody(event.bytes);
        return true;
      case 'end':
        this.#requestOpen = false;
        exchange?.onRequestEnd(event.trailers);
        return true;
    }
  }

  #begin(head: RequestHead): boolean {
    if (this.transport.kind === 'explicit') {
      const refusal = authenticateCaller(head.headers, this.#services.proxyToken);
      if (refusal !== undefined) {
        this.#refuseBare(head, refusal);
        return false;
      }
      if (head.method === 'CONNECT' && this.#onConnect !== undefined) {
        this.#handOver(head, this.#onConnect);
        return false;
      }
    }
    this.#hasBegun = true;
    this.#requestOpen = true;
    this.#head = head;
    this.#exchange = new Exchange(this.#services, this, head);
    this.#exchange.start();
    return true;
  }

  #handOver(head: RequestHead, onConnect: ConnectHandler): void {
    this.#closing = true;
    this.#handedOver = true;
    this.#output.flushNow();
    const socket = this.#socket as Socket;
    this.#reads.stop();
    for (const [event, listener] of this.#listeners) socket.removeListener(event, listener);
    // Whoever takes it starts it again, once it listens.
    socket.pause();
    this.deadlineAt = Number.POSITIVE_INFINITY;
    onConnect(socket, head, Buffer.from(this.#reader.takeRest()));
  }

  /** A refusal before there is an exchange. */
  #refuseBare(head: RequestHead | undefined, refusal: Refusal): void {
    const call = new Call(head?.method ?? '');
    this.#head = undefined;
    refusalReply(refusalOf(refusal, call), call, head, this);
    this.#services.ended(call, Outcome.OUTCOME_DENIED, refusal.reason);
    this.#close();
  }

  #reject(refusal: Refusal): void {
    return this.#exchange === undefined ? this.#refuseBare(undefined, refusal) : this.#exchange.refuse(refusal);
  }

  #failed(error: unknown): void {
    const isForeseen = error instanceof MessageError;
    this.#reject(isForeseen ? new Refusal(error.code, error.message, { cause: error }) : toRefusal(error));
    return isForeseen ? this.#close() : this.destroy();
  }

  #onEnd(): void {
    this.#ended = true;
    if (!this.#isBare) this.#reader.eof();
    this.#pumpLater.ask();
  }

  /** After the agent's half-close, what it sent before is still answered (RFC 9112 9.6). */
  #closeIfDone(): void {
    if (!this.#ended || this.#exchange !== undefined || this.#pumping) return;
    if (!this.#output.full && !this.#hasBegun) this.#close();
  }

  #onDrain(): void {
    return this.#exchange === undefined ? this.#pump() : this.#exchange.onAgentDrain();
  }

  #onClose(): void {
    this.#exchange?.onAgentClosed();
    this.#exchange = undefined;
    this.#closing = true;
  }

  /** Ends our side, then reads on for a moment: a reset would make the agent lose the answer (RFC 9112 9.6). */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const services = this.#services;
    this.deadlineAt = services.monotonicMs() + services.limits.bodyIdleTimeoutMs;
    this.#output.flushNow();
    // Nobody has anything to say any more, and what we had is with the kernel: Node would wait a turn to see that.
    if (this.#ended && this.#socket.writableLength === 0) return void this.#socket.end().destroy();
    this.#socket.end(() => {
      this.deadlineAt = services.monotonicMs() + LINGER_MS;
    });
    if (!this.#ended) this.#socket.resume();
  }
}
