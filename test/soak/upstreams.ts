import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/http2-upstream.ts';
import { HOSTS } from '../support/proxy-world.ts';

/** What the upstreams of a soak do is said by the path: `/well/BYTES`, or `/fault/KIND`. */
export const FAULTS = ['reset', 'half', 'garbage', 'slow', 'early', 'close'] as const;
export type Fault = (typeof FAULTS)[number];

export interface SoakUpstreams {
  readonly http1: { readonly port: number };
  readonly http2: Http2UpstreamServer;
  close(): Promise<void>;
}

const FILLER = Buffer.alloc(1_048_576, 'nothing of interest; ');

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
    stream.on('end', () => {
      if (stream.destroyed) return;
      head();
      stream.end(FILLER.subarray(0, sizeOf(path)));
    });
  });
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
    request.on('end', () => response.end(FILLER.subarray(0, sizeOf(path))));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    http1: { port: (server.address() as AddressInfo).port },
    http2,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await http2.close();
    },
  };
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
