import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tls from 'node:tls';
import { issueLeaf, publicKeySpki, type SigningAuthority } from '../../../common/x509/authority.ts';
import { createSigningKey } from '../../../common/signing-key.ts';
import { toPem } from '../../../common/x509/certificate.ts';
import { startProgram } from './corporate-proxies.ts';
import { freePort } from '../free-port.ts';

/** A server that demands a client certificate of its authority, and answers with the name in it. */
export interface MutualTlsServer {
  readonly port: number;
  /** TCP connections so far. */
  readonly connections: () => number;
  /** `name path` of every call that was let in. */
  readonly seen: readonly string[];
  close(): void;
}

/** Node's own servers: `h2` speaks HTTP/2 alone, `http/1.1` the other alone. Certified for `localhost` by `root` too. */
export async function startMutualTls(root: SigningAuthority, version: 'h2' | 'http/1.1'): Promise<MutualTlsServer> {
  const options = { ...identityOf(root), requestCert: true, rejectUnauthorized: true };
  const seen: string[] = [];
  const answer = (
    request: IncomingMessage | http2.Http2ServerRequest,
    response: ServerResponse | http2.Http2ServerResponse,
  ): void => {
    const { socket } = request instanceof http2.Http2ServerRequest ? (request.stream.session ?? request) : request;
    const name = String((socket as unknown as tls.TLSSocket).getPeerCertificate().subject?.CN);
    seen.push(`${name} ${request.url}`);
    response.setHeader('content-type', 'text/plain');
    response.end(name);
  };
  const server = version === 'h2' ? http2.createSecureServer(options, answer) : https.createServer(options, answer);
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket: net.Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => accepted,
    seen,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** `openssl s_server`, which says in an alert why it refuses a certificate. */
export async function startOpensslServer(root: SigningAuthority): Promise<{ readonly port: number; close(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-s_server-'));
  const pem = identityOf(root);
  const file = (name: keyof typeof pem): string => join(folder, `${name}.pem`);
  for (const name of ['key', 'cert', 'ca'] as const) writeFileSync(file(name), pem[name]);
  const port = await freePort();
  const files = ['-key', file('key'), '-cert', file('cert'), '-CAfile', file('ca')];
  const demands = ['-Verify', '1', '-verify_return_error', '-www', '-quiet'];
  const server = await startProgram(port, 'openssl', [
    's_server',
    '-accept',
    `127.0.0.1:${port}`,
    ...files,
    ...demands,
  ]);
  const close = (): void => {
    server.process.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, close };
}

function identityOf(root: SigningAuthority): { key: string; cert: string; ca: string } {
  const key = createSigningKey();
  const now = Date.now();
  const hosts = ['localhost'];
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: toPem(leaf),
    ca: toPem(root.certificateDer),
  };
}
