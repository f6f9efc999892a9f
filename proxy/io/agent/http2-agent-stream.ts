import type { Rostered } from '../../../common/roster.ts';
import type { RequestHead } from '../../protocols/heads.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { Http2Connection } from '../../sessions/http2/connection.ts';
import type { Transport } from '../../http/request/destination.ts';
import { Exchange } from '../../http/exchange.ts';
import { httpDate } from './http-date.ts';
import { toRefusal } from '../../http/answer/refusal-reply.ts';
import type { ProxyServices } from '../../http/services.ts';
import type { AgentStream, BodyLength } from '../../http/streams.ts';
import { Backlog } from '../backlog.ts';
import type { FrameWriter } from '../frame-writer.ts';

/** What the streams of one connection share. */
export interface Http2AgentParts {
  readonly services: ProxyServices;
  readonly transport: Transport;
  readonly http2: Http2Connection;
  readonly writer: FrameWriter;
  /** The stream is over on our side: nothing is told to it any more. */
  forget(id: number): void;
}

/** One stream of an agent's HTTP/2 connection, as one exchange. */
export class Http2AgentStream implements AgentStream, Rostered {
  seat = -1;
  readonly transport: Transport;
  readonly #id: number;
  readonly #parts: Http2AgentParts;
  readonly #exchange: Exchange;
  /** Body that came before the exchange takes it; the stream's window bounds it. */
  readonly #waiting = new Backlog<{ readonly trailers: HeaderList | undefined }>();
  #blocked = false;
  #answered = false;

  constructor(id: number, head: RequestHead, parts: Http2AgentParts) {
    this.#id = id;
    this.#parts = parts;
    this.transport = parts.transport;
    this.#exchange = new Exchange(parts.services, this, head);
  }

  start(): void {
    this.#exchange.start();
  }

  onBody(bytes: Buffer): void {
    if (this.#waiting.isEmpty && this.#exchange.acceptsRequest) return this.#give(bytes);
    this.#waiting.addBody(bytes);
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.#waiting.isEmpty && this.#exchange.acceptsRequest) this.#exchange.onRequestEnd(trailers);
    else this.#waiting.add({ trailers });
  }

  /** The agent's events of one read were told. */
  onReadDone(): void {
    this.#exchange.onRequestReadDone();
  }

  /** The stream's window is open again, or the socket takes more. */
  onWritable(isWindow: boolean): void {
    if (isWindow) this.#blocked = false;
    if (!this.#blocked && !this.#parts.writer.full) this.#exchange.onAgentDrain();
  }

  /** What it was told could not be handled: a bug of ours, which ends this exchange alone. */
  failed(error: unknown): void {
    this.#exchange.refuse(toRefusal(error));
  }

  onReset(): void {
    this.#waiting.clear();
    this.#parts.forget(this.#id);
    this.#exchange.onAgentClosed();
  }

  sendInformational(status: number, headers: HeaderList): void {
    this.#parts.http2.sendInformational(this.#id, { status, headers });
  }

  sendHead(status: number, _reason: string, headers: HeaderList, length: BodyLength): void {
    if (length === 'unknown' || status === 204) headers.delete('content-length');
    if (!headers.has('date')) headers.append('date', httpDate(this.#parts.services.clock.now()));
    this.#answered = length === 'none';
    this.#parts.http2.sendHead(this.#id, { status, headers }, this.#answered);
  }

  sendBody(bytes: Buffer): void {
    if (!this.#parts.http2.sendData(this.#id, bytes)) this.#blocked = true;
  }

  sendEnd(trailers: HeaderList | undefined): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#parts.http2.sendEnd(this.#id, trailers);
  }

  upgrade(headers: HeaderList): void {
    this.sendHead(200, '', headers, 'unknown');
  }

  flush(): boolean {
    this.#parts.writer.schedule();
    return !this.#blocked && !this.#parts.writer.full;
  }

  resumeRequest(): void {
    this.#waiting.drain(
      () => this.#exchange.acceptsRequest,
      (next) => (Buffer.isBuffer(next) ? this.#give(next) : this.#exchange.onRequestEnd(next.trailers)),
      () => this.#exchange.onRequestReadDone(),
    );
    this.#parts.writer.schedule();
  }

  ended(): void {
    this.#waiting.clear();
    this.#parts.forget(this.#id);
    this.#parts.writer.schedule();
  }

  abort(trailers?: HeaderList): void {
    // Trailers behind body that waits for the agent's window would leave when it likes.
    if (trailers !== undefined && !this.#answered && this.#parts.http2.queuedBytes(this.#id) === 0) {
      this.sendEnd(trailers);
      return this.ended();
    }
    this.#waiting.clear();
    this.#parts.http2.reset(this.#id, 'INTERNAL_ERROR');
    this.#parts.forget(this.#id);
    this.#parts.writer.schedule();
  }

  #give(bytes: Buffer): void {
    this.#exchange.onRequestBody(bytes);
    this.#parts.http2.consume(this.#id, bytes.length);
  }
}
