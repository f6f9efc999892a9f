import { chmodSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenFailed } from './errors.ts';
import { formatAuthority, type Authority } from './net/host.ts';

export type ProbeAddress = { readonly socketPath: string } | Authority;

export interface ProbeServer {
  /** HOST:PORT, or the path of the socket. */
  readonly address: string;
  close(): Promise<void>;
}

/** Answers one path. */
type ProbeAnswer = (response: http.ServerResponse) => Promise<void> | void;

const TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 64;

/**
 * Serves a few paths to people, platforms and Prometheus in cleartext HTTP: what they answer holds no secret and changes nothing.
 * A unix socket is for its owner alone. Throws UsageError when the address cannot be listened on.
 */
export async function startProbeServer(
  at: ProbeAddress,
  paths: Readonly<Record<string, ProbeAnswer>>,
): Promise<ProbeServer> {
  const server = http.createServer((request, response) => {
    answer(request, response, paths).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.headersTimeout = TIMEOUT_MS;
  server.requestTimeout = TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    const where = 'socketPath' in at ? at.socketPath : formatAuthority(at.host, at.port);
    server.once('error', (cause) => reject(listenFailed(where, cause)));
    if ('socketPath' in at) {
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
  { method, url = '' }: http.IncomingMessage,
  response: http.ServerResponse,
  paths: Readonly<Record<string, ProbeAnswer>>,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const known = Object.hasOwn(paths, url) ? paths[url] : undefined;
  if (known !== undefined) await known(response);
  else response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}\n');
}

function formatAddress(address: AddressInfo | null): string {
  return address === null ? '' : formatAuthority(address.address, address.port);
}
