import { createContentDecoder } from '../credentials/decode-content.ts';
import type { Scrubber } from '../credentials/scrub.ts';
import { scrubHeaders } from '../credentials/scrub-headers.ts';
import type { Output } from '../io/output.ts';
import type { UpstreamConnection } from '../io/upstream-connection.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import type { RequestHead } from '../protocols/http1/request-head.ts';
import type { ResponseHead } from '../protocols/http1/response-head.ts';
import { DecodingPump } from './decoding-pump.ts';
import { CHUNK_TAIL, writeChunkHeader, writeLastChunk, writeResponseHead } from '../protocols/http1/message-writer.ts';
import type { Call } from './call.ts';
import { stripHopByHop } from './forwarded-headers.ts';
import { Refusal } from './refusal.ts';

interface RelayOptions {
  readonly call: Call;
  readonly request: RequestHead;
  readonly response: ResponseHead;
  readonly scrubber: Scrubber | undefined;
  readonly agent: Output;
  readonly upstream: UpstreamConnection;
  /** The agent's side may be kept, as far as the request and the proxy are concerned. */
  readonly keepAlive: boolean;
  readonly via: string;
  done(): void;
  failed(error: Refusal): void;
}

type OutFraming = 'none' | 'length' | 'chunked' | 'until-close';

/** Carries one answer to the agent: head re-serialised, body scrubbed and framed anew, paused when the agent is slow. */
export class ResponseRelay {
  readonly agentKeepAlive: boolean;
  readonly upstreamKeepAlive: boolean;
  readonly #options: RelayOptions;
  readonly #framing: OutFraming;
  readonly #scrub: ReturnType<Scrubber['stream']> | undefined;
  readonly #decoder: DecodingPump | undefined;
  #trailers: HeaderList | undefined;

  /** @throws Refusal `response-undecodable` before anything was written */
  constructor(options: RelayOptions) {
    this.#options = options;
    const { response, request, scrubber } = options;
    const { headers } = response;
    const hasBody = response.framing.kind !== 'none';
    const encoding = headers.getAll('content-encoding').join(', ');
    if (scrubber !== undefined && hasBody && encoding !== '') this.#decoder = this.#decode(encoding, headers);
    stripHopByHop(headers);
    options.call.scrubbed += scrubHeaders(headers, scrubber);
    this.#scrub = hasBody ? scrubber?.stream() : undefined;
    this.#framing = outFraming(response, request, this.#decoder !== undefined);
    this.agentKeepAlive = options.keepAlive && this.#framing !== 'until-close';
    this.upstreamKeepAlive = response.keepAlive && response.framing.kind !== 'until-close';
    if (this.#framing === 'chunked') headers.set('Transfer-Encoding', 'chunked');
    if (this.#framing === 'chunked' || this.#framing === 'until-close') headers.delete('content-length');
    headers.append('Via', options.via);
    if (!this.agentKeepAlive) headers.set('Connection', 'close');
    else if (request.version === '1.0') headers.set('Connection', 'keep-alive');
    const reason = scrubber === undefined ? response.reason : scrubber.scrubText(response.reason).text;
    options.agent.add(writeResponseHead(response.status, reason, headers));
  }

  body(bytes: Buffer): void {
    if (this.#decoder === undefined) return this.#scrubbed(bytes);
    // The decoder works on it later; the bytes are only lent.
    this.#decoder.write(Buffer.from(bytes));
  }

  end(trailers: HeaderList | undefined): void {
    this.#trailers = trailers;
    if (this.#decoder === undefined) this.#finish();
    else this.#decoder.end();
  }

  /** Sends what was gathered; a slow agent pauses the upstream. */
  flush(): void {
    if (this.#decoder === undefined && !this.#options.agent.flush()) this.#options.upstream.pause();
  }

  resume(): void {
    if (this.#decoder === undefined) this.#options.upstream.resume();
    else this.#decoder.drained();
  }

  /** The exchange ends before the answer did. */
  abort(): void {
    this.#decoder?.close();
  }

  #decode(encoding: string, headers: HeaderList): DecodingPump | undefined {
    const decoder = createContentDecoder(encoding);
    if (decoder === undefined) return undefined;
    for (const name of ['content-encoding', 'content-length', 'content-md5', 'etag']) headers.delete(name);
    return new DecodingPump(decoder, {
      take: (bytes) => {
        this.#scrubbed(bytes);
        return this.#options.agent.flush();
      },
      ready: (isReady) => {
        if (isReady) this.#options.upstream.resume();
        else this.#options.upstream.pause();
      },
      finished: () => this.#finish(),
      failed: (cause) => {
        this.#options.failed(new Refusal('response-undecodable', "the answer's body cannot be decoded", { cause }));
      },
    });
  }

  #scrubbed(bytes: Buffer): void {
    if (this.#scrub === undefined) return this.#send(bytes);
    for (const clean of this.#scrub.push(bytes)) this.#send(clean);
  }

  #send(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#options.call.responseBytes += bytes.length;
    const { agent } = this.#options;
    if (this.#framing === 'chunked') {
      agent.add(writeChunkHeader(bytes.length));
      agent.addLent(bytes);
      agent.add(CHUNK_TAIL);
    } else agent.addLent(bytes);
  }

  #finish(): void {
    const { agent, call, scrubber } = this.#options;
    if (this.#scrub !== undefined) {
      for (const clean of this.#scrub.end()) this.#send(clean);
      call.scrubbed += this.#scrub.hits;
    }
    if (this.#framing === 'chunked') {
      const trailers = this.#trailers;
      if (trailers !== undefined) {
        stripHopByHop(trailers);
        call.scrubbed += scrubHeaders(trailers, scrubber);
      }
      agent.add(writeLastChunk(trailers));
    }
    agent.flush();
    this.#options.done();
  }
}

function outFraming(response: ResponseHead, request: RequestHead, decoded: boolean): OutFraming {
  if (response.framing.kind === 'none') return 'none';
  if (response.framing.kind === 'length' && !decoded) return 'length';
  return request.version === '1.1' ? 'chunked' : 'until-close';
}
