import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import { Client, type Dispatcher, Pool } from 'undici';
import { serveParent } from '../child.ts';
import { AUTHORIZATION } from '../credential.ts';

/** What one would write in an afternoon: node:http in front, undici behind, the header set. The baseline of the ratios. */
interface Config {
  readonly tls: { key: string; cert: string };
  readonly upstreamCaPem: string;
}

serveParent<Config>(async (config) => {
  const pools = new Map<string, Dispatcher>();
  const poolFor = (origin: string): Dispatcher => {
    let pool = pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: 1024,
        factory: (at, options) => new Client(at, options),
        connect: { ca: config.upstreamCaPem },
      });
      pools.set(origin, pool);
    }
    return pool;
  };
  const forward = (
    origin: string,
    path: string,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): void => {
    const headers: Record<string, string | string[] | undefined> = { ...request.headers };
    delete headers['connection'];
    delete headers['proxy-authorization'];
    headers['authorization'] = AUTHORIZATION;
    poolFor(origin).stream(
      {
        path,
        method: request.method as Dispatcher.HttpMethod,
        headers,
        body: request.method === 'GET' ? null : request,
      },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers as http.OutgoingHttpHeaders);
        return response;
      },
      (error) => {
        if (error) response.destroy(error);
      },
    );
  };
  const intercepted = https.createServer(config.tls, (request, response) => {
    forward(`https://${request.headers.host}`, request.url ?? '/', request, response);
  });
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '');
    forward(url.origin, url.pathname + url.search, request, response);
  });
  server.on('connect', (_request: http.IncomingMessage, socket: net.Socket) => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    intercepted.emit('connection', socket);
  });
  // Node closes idle connections after five seconds; the others here keep them.
  for (const one of [server, intercepted]) one.keepAliveTimeout = 300_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { proxy: (server.address() as net.AddressInfo).port };
});
