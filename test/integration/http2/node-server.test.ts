import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HeaderList } from '../../../proxy/protocols/header-list.ts';
import { Http2Connection } from '../../../proxy/sessions/http2/connection.ts';
import type { Http2Event } from '../../../proxy/sessions/http2/events.ts';
import type { Http2Limits } from '../../../proxy/sessions/http2/limits.ts';
import {
  EXCHANGES,
  digest,
  type Echoed,
  expectedEcho,
  fieldsOf,
  makeMessage,
  type Message,
} from '../../support/protocols/http2-exchange.ts';
import { driveBySocket } from '../../support/protocols/http2-socket.ts';
import { seededRandom } from '../../support/random.ts';

/** Our client against Node's server, which nghttp2 speaks for. */

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

interface Waiting {
  readonly message: Message;
  readonly got: { line: string; fields: [string, string][]; chunks: Buffer[]; trailers: [string, string][] };
  chunk: number;
  readonly done: (echoed: Echoed | Error) => void;
}

/** Sends messages and collects their echoes. */
class Caller {
  readonly connection: Http2Connection;
  readonly #waiting = new Map<number, Waiting>();
  readonly #queued: Omit<Waiting, 'got' | 'chunk'>[] = [];
  readonly #flush: () => void;
  /** The server has said how many streams it takes. */
  #greeted = false;

  constructor(socket: net.Socket, options: Partial<Http2Limits>) {
    this.connection = new Http2Connection('client', options);
    this.#flush = driveBySocket(socket, this.connection, (event) => this.#hear(event));
  }

  exchange(message: Message): Promise<Echoed | Error> {
    return new Promise((done) => {
      this.#queued.push({ message, done });
      this.#openQueued();
      this.#flush();
    });
  }

  #openQueued(): void {
    while (this.#greeted && this.connection.canOpen && this.#queued.length > 0) {
      const next = this.#queued.shift()!;
      const head = {
        method: 'POST',
        scheme: 'http',
        authority: 'a.example',
        path: next.message.path,
        headers: HeaderList.from(next.message.fields),
      };
      const stream = this.connection.open(head, false)!;
      const got = { line: '', fields: [], chunks: [], trailers: [] };
      this.#waiting.set(stream, { ...next, got, chunk: 0 });
      this.#send(stream);
    }
  }

  #send(stream: number): void {
    const one = this.#waiting.get(stream)!;
    for (const chunk of one.message.chunks.slice(one.chunk)) {
      one.chunk += 1;
      if (!this.connection.sendData(stream, chunk)) return;
    }
    this.connection.sendEnd(stream, HeaderList.from(one.message.trailers));
  }

  #hear(event: Http2Event): void {
    if (event.type === 'settings') {
      this.#greeted = true;
      this.#openQueued();
    }
    const one = 'stream' in event ? this.#waiting.get(event.stream) : undefined;
    if (one === undefined) return;
    switch (event.type) {
      case 'response-head':
        one.got.line = event.head.headers.get('x-line') ?? '';
        one.got.fields = fieldsOf(Object.fromEntries(event.head.headers));
        return;
      case 'body':
        one.got.chunks.push(Buffer.from(event.bytes));
        this.connection.consume(event.stream, event.bytes.length);
        return;
      case 'writable':
        this.#send(event.stream);
        return;
      case 'end':
        one.got.trailers = fieldsOf(Object.fromEntries(event.trailers ?? []));
        one.done({
          line: one.got.line,
          fields: one.got.fields,
          body: digest(one.got.chunks),
          trailers: one.got.trailers,
        });
        break;
      case 'reset':
        one.done(new Error(event.code));
        break;
      default:
        return;
    }
    this.#waiting.delete(event.stream);
    this.#openQueued();
  }
}

async function meet(options: Partial<Http2Limits>, settings: http2.Settings): Promise<Caller> {
  const server = http2.createServer({ settings });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    let trailers: [string, string][] = [];
    stream.on('error', () => {});
    stream.on('trailers', (fields: Record<string, unknown>) => void (trailers = fieldsOf(fields)));
    const fields = Object.fromEntries(fieldsOf(headers));
    const line = `${headers[':method']} ${headers[':path']}`;
    if (headers['x-early']) stream.additionalHeaders({ ':status': 103 });
    stream.respond({ ':status': 200, ...fields, 'x-line': line }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(trailers)));
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  open.push({ close: () => socket.destroy() }, server);
  return new Caller(socket, options);
}

const CASES: typeof EXCHANGES = [...EXCHANGES, ['few streams', {}, { maxConcurrentStreams: 3 }, 30, 3, 20_000]];

describe('our client against node:http2', () => {
  it.each(CASES)(
    'exchanges many messages with %s',
    { timeout: 120_000 },
    async (...[, options, settings, width, rounds, maxBytes]) => {
      const seed = Math.floor(Math.random() * 1e9);
      const random = seededRandom(seed);
      const caller = await meet(options, settings);
      for (let round = 0; round < rounds; round += 1) {
        const messages = Array.from({ length: width }, () => makeMessage(random, maxBytes));
        const echoed = await Promise.all(messages.map((message) => caller.exchange(message)));
        expect(echoed, `seed ${seed}`).toEqual(messages.map(expectedEcho));
      }
      expect(caller.connection.openStreams).toBe(0);
      expect(caller.connection.bufferedBytes).toBe(0);
    },
  );
});
