import http2 from 'node:http2';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { makeTlsIdentity } from '../tls-identity.ts';

export type StreamHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** A real HTTP/2 server on loopback, Node's own, that remembers the heads of the requests it saw. */
export interface Http2UpstreamServer {
  readonly port: number;
  readonly caPem: string;
  readonly seen: http2.IncomingHttpHeaders[];
  readonly connections: () => number;
  /** TCP connections, those whose handshake failed included. */
  readonly attempts: () => number;
  /** The connections that are open. */
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>;
  close(): Promise<void>;
}

/** Starts it with a certificate for these hosts; every stream goes to the handler. */
export async function startHttp2Upstream(
  hosts: readonly string[],
  handler: StreamHandler,
  options: http2.SecureServerOptions = {},
  configure: (server: http2.Http2SecureServer) => void = () => {},
): Promise<Http2UpstreamServer> {
  const { key, cert, caPem } = makeTlsIdentity(hosts);
  const server = http2.createSecureServer({ key, cert, ...options });
  const seen: http2.IncomingHttpHeaders[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  let accepted = 0;
  let attempted = 0;
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    attempted += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('session', (session) => {
    accepted += 1;
    sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    seen.push(headers);
    handler(stream, headers);
  });
  server.on('sessionError', () => {});
  configure(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caPem,
    seen,
    connections: () => accepted,
    attempts: () => attempted,
    sessions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
