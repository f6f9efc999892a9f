import { STATUS_CODES } from 'node:http';
import type { BodyLength } from '../../http/streams.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { RequestHead } from '../../protocols/heads.ts';
import {
  CHUNK_TAIL,
  writeChunkHeader,
  writeLastChunk,
  writeResponseHead,
} from '../../protocols/http1/message-writer.ts';
import type { Output } from '../output.ts';

/** What decides how an answer is framed: the request, and whether the connection may outlive it. */
interface Answering {
  /** Undefined when the request's head could not be read. */
  readonly request: Pick<RequestHead, 'method' | 'version'> | undefined;
  readonly mayKeep: boolean;
}

/** Frames the answers of one connection in HTTP/1.1 (RFC 9112 6), one after another. */
export class Http1Answer {
  /** Whether the connection is kept behind the present answer, as its head says. */
  keepAlive = true;
  readonly #output: Output;
  readonly #isToProxy: boolean;
  #chunked = false;
  #untilClose = false;

  /** @param isToProxy - Whether the agent asks the proxy as such, so that each request may be for another host. */
  constructor(output: Output, isToProxy: boolean) {
    this.#output = output;
    this.#isToProxy = isToProxy;
  }

  /**
   * Where requests may be for several hosts only 100 passes, against RFC 9110 15.2: Python's http.client takes every other interim
   * answer for the answer, and the answer for that of its next request.
   */
  informational(status: number, headers: HeaderList): void {
    if (status === 100 || !this.#isToProxy) this.#interim(status, headers);
  }

  head(status: number, reason: string, headers: HeaderList, length: BodyLength, { request, mayKeep }: Answering): void {
    const isBare = request?.method === 'HEAD' || status === 204 || status === 304;
    const isUnknown = length === 'unknown' && !isBare;
    this.#untilClose = isUnknown && request?.version === '1.0';
    this.#chunked = isUnknown && !this.#untilClose;
    this.keepAlive = mayKeep && !this.#untilClose;
    // A 204 has none (RFC 9110 8.6); elsewhere an answer without it would go on until the connection ends (RFC 9112 6.3).
    if (isUnknown || status === 204) headers.delete('content-length');
    else if (length === 'none' && !isBare && !headers.has('content-length')) headers.set('Content-Length', '0');
    if (this.#chunked) headers.set('Transfer-Encoding', 'chunked');
    if (!this.keepAlive) headers.set('Connection', 'close');
    this.#output.addText(writeResponseHead(status, reason, headers));
  }

  /** The bytes are lent until the output is flushed. */
  body(bytes: Buffer): void {
    if (!this.#chunked) return this.#output.addLent(bytes);
    this.#output.add(writeChunkHeader(bytes.length));
    this.#output.addLent(bytes);
    this.#output.add(CHUNK_TAIL);
  }

  end(trailers: HeaderList | undefined): void {
    if (this.#chunked) this.#output.add(writeLastChunk(trailers));
    this.#chunked = false;
  }

  /** It ends before it is whole: where the connection's end would be its own, only a reset says so (RFC 9112 8). */
  breakOff(): void {
    if (this.#untilClose) this.#output.reset();
  }

  /** 101: what follows is another protocol, which ends with its connection. */
  upgrade(headers: HeaderList): void {
    this.keepAlive = false;
    this.#interim(101, headers);
  }

  #interim(status: number, headers: HeaderList): void {
    this.#output.addText(writeResponseHead(status, STATUS_CODES[status] ?? '', headers));
  }
}
