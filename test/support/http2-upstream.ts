import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createRootAuthority, createSigningKey, issueLeaf, publicKeySpki } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';

export type StreamHandler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

/** A real HTTP/2 server on loopback, Node's own, that remembers the heads of the requests it saw. */
export interface Http2UpstreamServer {
  readonly port: number;
  readonly caPem: string;
  readonly seen: http2.IncomingHttpHeaders[];
  readonly connections: () => number;
  /** The connections that are open. */
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>;
  close(): Promise<void>;
}

/** Starts it with a certificate for these hosts; every stream goes to the handler. */
export async function startHttp2Upstream(
  hosts: readonly string[],
  handler: StreamHandler,
  options: http2.SecureServerOptions = {},
): Promise<Http2UpstreamServer> {
  const root = createRootAuthority('http2 upstream root');
  const key = createSigningKey();
  const now = Date.now();
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  const server = http2.createSecureServer({
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(leaf),
    ...options,
  });
  const seen: http2.IncomingHttpHeaders[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  let accepted = 0;
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caPem: toPem(root.certificateDer),
    seen,
    connections: () => accepted,
    sessions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}
