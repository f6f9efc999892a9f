import { chmodSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenFailed } from '../../common/errors.ts';
import { formatAuthority } from '../../common/net/host.ts';
import { removeStaleSocket } from '../io/listener.ts';
import type { ProxyMetrics } from './metrics.ts';

export type AdminAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** `/healthz`, `/readyz` and `/metrics`, for people and platforms; it holds no secret and changes nothing. */
export async function startAdminServer(
  at: AdminAddress,
  metrics: ProxyMetrics,
  ready: () => { ready: boolean; reason?: string },
): Promise<{ address: string; close(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    answer(request, response, metrics, ready).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    const where = 'socketPath' in at ? at.socketPath : formatAuthority(at.host, at.port);
    server.once('error', (cause) => reject(listenFailed(where, cause)));
    if ('socketPath' in at) {
      removeStaleSocket(at.socketPath);
      server.listen(at.socketPath, () => {
        chmodSync(at.socketPath, 0o600);
        resolve();
      });
    } else server.listen(at.port, at.host, resolve);
  });
  // Such as no descriptor left for one more connection.
  server.on('error', () => {});
  const bound = server.address();
  return {
    address: typeof bound === 'string' ? bound : formatAddress(bound),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  metrics: ProxyMetrics,
  ready: () => { ready: boolean; reason?: string },
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  switch (request.url) {
    case '/healthz':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}\n');
      return;
    case '/readyz': {
      const state = ready();
      response.writeHead(state.ready ? 200 : 503, { 'content-type': 'application/json' });
      response.end(`${JSON.stringify(state)}\n`);
      return;
    }
    case '/metrics': {
      const registry = await metrics.registry();
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType });
      response.end(text);
      return;
    }
    default:
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}\n');
  }
}

function formatAddress(address: AddressInfo | null): string {
  return address === null ? '' : formatAuthority(address.address, address.port);
}
