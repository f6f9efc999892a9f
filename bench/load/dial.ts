import net from 'node:net';
import tls from 'node:tls';
import { type LoadSpec, RefusedError } from './spec.ts';

const HOST = 'localhost';
const TIMEOUT_MS = 20_000;

export function authorityOf(spec: LoadSpec): string {
  return `${HOST}:${spec.upstreamPort}`;
}

/** The request target: absolute-form where a proxy reads plain HTTP, else origin-form (RFC 9112, section 3.2). */
export function targetOf(spec: LoadSpec, path: string): string {
  return spec.access.style === 'absolute' ? `http://${authorityOf(spec)}${path}` : path;
}

/**
 * Connects, by CONNECT and TLS where the way asks for them.
 * @throws RefusedError when the proxy answers CONNECT with an error, or ALPN does not come to `protocol`
 */
export async function dial(
  spec: LoadSpec,
  protocol: 'http/1.1' | 'h2',
  session?: Buffer,
): Promise<net.Socket | tls.TLSSocket> {
  const raw = await open(
    spec.access.style === 'direct' || spec.access.style === 'redirected' ? spec.upstreamPort : spec.access.port,
  );
  if (spec.access.style === 'connect') await establish(raw, authorityOf(spec));
  const socket = spec.https ? await secure(raw, spec.caPem, protocol, session) : raw;
  raw.setTimeout(0); // from here on the parent's patience counts
  if (!(socket instanceof tls.TLSSocket)) return socket;
  if (protocol === 'h2' && socket.alpnProtocol !== 'h2') {
    socket.destroy();
    throw new RefusedError(`ALPN gave ${socket.alpnProtocol || 'nothing'}, not h2`);
  }
  return socket;
}

/** Redirection goes by the user that dials, so for a while this process is that user. */
export function becomeUser(uid: number | undefined): void {
  if (uid === undefined || process.geteuid?.() === uid) return;
  process.seteuid?.(process.getuid?.() ?? uid);
  process.seteuid?.(uid);
}

const sockets = new Set<net.Socket>();

/** Ends every connection that was dialled. */
export function closeAll(): void {
  for (const socket of sockets) socket.destroy();
}

function open(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.once('error', reject);
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`nothing came for ${TIMEOUT_MS} ms`)));
  });
}

function establish(socket: net.Socket, authority: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new RefusedError('CONNECT: closed without an answer')));
    socket.once('data', (bytes: Buffer) => {
      const line = bytes.toString('latin1', 0, 200).split('\r\n')[0] ?? '';
      if (/^HTTP\/1\.[01] 200 /.test(line)) resolve();
      else reject(new RefusedError(`CONNECT: ${line}`));
    });
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  });
}

function secure(raw: net.Socket, ca: string, protocol: string, session?: Buffer): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { socket: raw, servername: HOST, secureContext: contextFor(ca), ALPNProtocols: [protocol] };
    const socket = tls.connect(session === undefined ? options : { ...options, session }, () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // RFC 7301, section 3.2: a server that shares no protocol ends the handshake with this alert.
      reject(/no.application.protocol/i.test(error.message) ? new RefusedError(`no ${protocol} by ALPN`) : error);
    });
    raw.once('close', () => reject(new Error('closed during the TLS handshake')));
  });
}

const contexts = new Map<string, tls.SecureContext>();

function contextFor(ca: string): tls.SecureContext {
  let context = contexts.get(ca);
  if (context === undefined) {
    context = tls.createSecureContext({ ca });
    contexts.set(ca, context);
  }
  return context;
}
