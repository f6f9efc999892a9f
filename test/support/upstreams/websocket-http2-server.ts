import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { startProgram } from './corporate-proxies.ts';
import { freePort } from '../free-port.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from './http2-upstream.ts';
import { makeTlsIdentity } from '../tls-identity.ts';
import { webSocketOver } from './websocket-over-stream.ts';

/** Gives away the credential that it was sent, as a bad upstream does, and echoes. */
function echo(socket: WebSocket, authorization: string | undefined): void {
  socket.on('error', () => socket.terminate());
  socket.on('message', (bytes: Buffer, binary) => {
    socket.send(binary ? bytes : `${authorization ?? 'none'} ${bytes.toString()}`, { binary });
  });
}

export interface WebSocketHttp2Server extends Http2UpstreamServer {
  /** Every WebSocket that was opened, in order. */
  readonly sockets: readonly WebSocket[];
  /** Authorization of each upgrade in HTTP/1.1. */
  readonly upgrades: readonly (string | undefined)[];
}

/**
 * Node's HTTP/2 server, whose streams `ws` takes over (RFC 8441), and which takes upgrades in HTTP/1.1 too. Other requests
 * are answered `hello`. `deflates`: it agrees to permessage-deflate on its streams.
 */
export async function startWebSocketHttp2(
  hosts: readonly string[],
  { extended = true, deflates = false } = {},
): Promise<WebSocketHttp2Server> {
  const upgrader = new WebSocketServer({ noServer: true });
  const upgrades: (string | undefined)[] = [];
  const sockets: WebSocket[] = [];
  const server = await startHttp2Upstream(
    hosts,
    (stream, headers) => {
      if (headers[':protocol'] !== 'websocket') {
        stream.respond({ ':status': 200 });
        return void stream.end('hello');
      }
      if (headers[':path'] === '/refused') return stream.respond({ ':status': 403 }, { endStream: true });
      const offered = headers['sec-websocket-extensions']?.includes('permessage-deflate') === true;
      const extensions = deflates && offered ? 'permessage-deflate' : undefined;
      stream.respond({ ':status': 200, ...(extensions && { 'sec-websocket-extensions': extensions }) });
      const socket = webSocketOver(stream, 'server', extensions);
      sockets.push(socket);
      echo(socket, headers.authorization);
    },
    { settings: { enableConnectProtocol: extended }, allowHTTP1: true },
    (server) => {
      server.on('upgrade', (request: http.IncomingMessage, stream: net.Socket, head: Buffer) => {
        upgrades.push(request.headers.authorization);
        upgrader.handleUpgrade(request, stream, head, (socket) => {
          sockets.push(socket);
          echo(socket, request.headers.authorization);
        });
      });
    },
  );
  return { ...server, sockets, upgrades };
}

/** HAProxy, which takes extended CONNECT and hands it to a `ws` server as an upgrade. */
export async function startWebSocketHaproxy(
  hosts: readonly string[],
): Promise<{ readonly port: number; readonly caPem: string; readonly opened: () => number; close(): void }> {
  const behind = http.createServer();
  const sockets = new WebSocketServer({ server: behind });
  let opened = 0;
  sockets.on('connection', (socket, request) => {
    opened += 1;
    echo(socket, request.headers.authorization);
  });
  await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-haproxy-'));
  const { key, cert, caPem } = makeTlsIdentity(hosts);
  writeFileSync(join(folder, 'server.pem'), cert + key);
  const port = await freePort();
  const config = `
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port} ssl crt ${join(folder, 'server.pem')} alpn h2
  default_backend behind
backend behind
  server ws 127.0.0.1:${(behind.address() as AddressInfo).port}
`;
  writeFileSync(join(folder, 'haproxy.cfg'), config);
  const program = await startProgram(port, 'haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')]);
  const close = (): void => {
    program.process.kill();
    for (const socket of sockets.clients) socket.terminate();
    behind.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, caPem, opened: () => opened, close };
}
