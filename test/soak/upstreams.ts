import http from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { HOSTS } from '../support/worlds/proxy-world.ts';

/** What the upstreams of a soak do is said by the path: `/well/BYTES/NUMBER/WAY`, `/endless/NUMBER/WAY`, or `/fault/KIND`. */
export const FAULTS = ['reset', 'half', 'garbage', 'slow', 'early', 'close'] as const;
export type Fault = (typeof FAULTS)[number];

export interface SoakUpstreams {
  /** Takes upgrades to WebSocket too. */
  readonly http1: { readonly port: number };
  /** The like of it, reached through a proxy before it. */
  readonly chained: { readonly port: number };
  /** Speaks gRPC to those who do. */
  readonly http2: Http2UpstreamServer;
  close(): Promise<void>;
}

const FILLER = Buffer.alloc(1_048_576, 'nothing of interest; ');
const EVENT = 'data: nothing of interest\n\n';
const EVENTS = Buffer.alloc(1_048_576, EVENT);
const DRIP_MS = 100;

export async function startSoakUpstreams(): Promise<SoakUpstreams> {
  const http2 = await startHttp2Upstream(HOSTS, (stream, headers) => {
    // The proxy may have given the stream up by now.
    if (stream.destroyed) return;
    const path = headers[':path'] ?? '';
    stream.resume();
    const head = (): void => stream.respond({ ':status': 200 });
    if (path.startsWith('/fault/')) {
      const { session } = stream;
      return misbehave(faultOf(path), stream, {
        head,
        reset: () => stream.close(2),
        garbage: () => session?.goaway(1),
        close: () => session?.destroy(),
      });
    }
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
    stream.on('end', () => {
      if (stream.destroyed) return;
      if (isGrpc) return sendGrpc(stream, FILLER.subarray(0, sizeOf(path)));
      if (path.startsWith('/endless/') || path.endsWith('/events')) {
        stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
        return path.startsWith('/endless/') ? dripInto(stream) : sendEvents(stream, sizeOf(path));
      }
      head();
      stream.end(FILLER.subarray(0, sizeOf(path)));
    });
  });
  const [http1, chained] = [await startHttp1(), await startHttp1()];
  return {
    http1,
    chained,
    http2,
    close: async () => {
      await Promise.all([http1.close(), chained.close(), http2.close()]);
    },
  };
}

async function startHttp1(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const path = request.url ?? '';
    request.resume();
    request.on('error', () => {});
    response.on('error', () => {});
    if (path.startsWith('/fault/')) {
      const { socket } = request;
      return misbehave(faultOf(path), response, {
        head: () => response.writeHead(200),
        reset: () => socket.resetAndDestroy(),
        garbage: () => socket.write('\0\0garbage, and not what anybody asked for\r\n\r\n'),
        close: () => socket.destroy(),
      });
    }
    if (path.startsWith('/endless/')) return dripInto(response.writeHead(200, { 'content-type': 'text/event-stream' }));
    request.on('end', () => response.end(FILLER.subarray(0, sizeOf(path))));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  const upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } });
  server.on('upgrade', (request, socket, head) => {
    upgrader.handleUpgrade(request, socket, head, (webSocket) => talk(webSocket, request.url ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const webSocket of upgrader.clients) webSocket.terminate();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Says what the path asks for, in pieces, and echoes; a fault ends it one way or another. */
function talk(socket: WebSocket, path: string): void {
  socket.on('error', () => socket.terminate());
  if (path.startsWith('/fault/')) return void setTimeout(() => socket.terminate(), 5);
  if (path.startsWith('/endless/')) {
    const timer = setInterval(() => socket.send(EVENT), DRIP_MS);
    return void socket.on('close', () => clearInterval(timer));
  }
  for (let left = sizeOf(path); left > 0; left -= 20_000) socket.send(FILLER.subarray(0, Math.min(left, 20_000)));
  socket.on('message', (message: Buffer, binary) => socket.send(message, { binary }));
}

function sendGrpc(stream: ServerHttp2Stream, message: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
}

function sendEvents(stream: ServerHttp2Stream, size: number): void {
  for (let at = 0; at < size; at += 4_000) stream.write(EVENTS.subarray(at, Math.min(size, at + 4_000)));
  stream.end();
}

/** An event now and then, until it is closed. */
function dripInto(answer: Answer & { on(event: 'close', listener: () => void): unknown }): void {
  const timer = setInterval(() => answer.write(EVENT), DRIP_MS);
  answer.on('close', () => clearInterval(timer));
}

interface Answer {
  write(chunk: Buffer | string): boolean;
  end(): unknown;
  readonly destroyed: boolean;
}

interface Means {
  head(): void;
  reset(): void;
  garbage(): void;
  close(): void;
}

function misbehave(fault: Fault, answer: Answer, { head, reset, garbage, close }: Means): void {
  switch (fault) {
    case 'reset':
      return reset();
    case 'half':
      head();
      answer.write(FILLER.subarray(0, 5_000));
      return void setTimeout(reset, 5);
    case 'garbage':
      garbage();
      return void setTimeout(close, 5);
    case 'slow': {
      head();
      let left = 10;
      const timer = setInterval(() => {
        left -= 1;
        if (answer.destroyed || left === 0) {
          clearInterval(timer);
          if (!answer.destroyed) answer.end();
        } else answer.write('drip');
      }, 20);
      return;
    }
    case 'early':
      head();
      return void answer.end();
    case 'close':
      return close();
  }
}

function faultOf(path: string): Fault {
  return FAULTS.find((fault) => path.startsWith(`/fault/${fault}`)) ?? 'reset';
}

function sizeOf(path: string): number {
  return Math.min(FILLER.length, Number(path.split('/')[2] ?? 0));
}
