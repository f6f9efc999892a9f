import net from 'node:net';
import tls from 'node:tls';
import type { Cidr } from '../../common/net/address-policy.ts';
import { isIpAddress } from '../../common/net/host.ts';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { describeError } from '../../common/errors.ts';
import type { ClientCertificate } from '../credentials/inject.ts';
import { Refusal } from '../http/refusal.ts';

/** One verified way to an upstream: what to dial and what the certificate must prove. */
export interface DialTarget {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Versions of HTTP to offer, the preferred one first; unused without TLS. */
  readonly alpn: readonly ('h2' | 'http/1.1')[];
  readonly serverName: string | undefined;
  readonly caPem: string;
  readonly allowedAddresses: readonly Cidr[];
  /** Presented in the handshake; `withClientCertificate` sets it and the key together. */
  readonly clientCertificate?: ClientCertificate;
}

/** The same way with this certificate: connections and TLS sessions of one never serve another. */
export function withClientCertificate(target: DialTarget, clientCertificate: ClientCertificate): DialTarget {
  return { ...target, key: `${target.key}|certificate ${clientCertificate.id}`, clientCertificate };
}

export interface Resolver {
  resolve(host: string, port: number, allowed: readonly Cidr[]): Promise<{ address: string; family: number }[]>;
}

/** Contexts with the system's roots plus these; `ca` would parse the whole root list again for each (22 ms). */
export class TrustedContexts {
  readonly #extraPem: string;
  readonly #contexts = new BoundedCache<string, tls.SecureContext>(256);

  constructor(extraPem: string) {
    this.#extraPem = extraPem;
  }

  for(caPem: string, own?: ClientCertificate): tls.SecureContext {
    const key = own === undefined ? caPem : `${caPem}|${own.id}`;
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const identity = own === undefined ? {} : { cert: own.certificatePem, key: own.privateKeyPem.reveal() };
    const context = tls.createSecureContext({ minVersion: 'TLSv1.2', ...identity });
    for (const pem of certificatesOf(this.#extraPem + '\n' + caPem)) {
      (context as unknown as { context: { addCACert(pem: string): void } }).context.addCACert(pem);
    }
    this.#contexts.set(key, context);
    return context;
  }
}

function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/** Who takes what a connection reads. The bytes are only lent: they are overwritten once `take` has returned. */
export interface ReadSink {
  take(bytes: Buffer): void;
}

interface Timeouts {
  readonly connectTimeoutMs: number;
  readonly tlsHandshakeTimeoutMs: number;
}

export interface Dialled {
  readonly socket: net.Socket;
  readonly address: string;
  /** What ALPN chose; HTTP/1.1 where the upstream chose nothing. */
  readonly protocol: 'h2' | 'http/1.1';
}

/** One buffer for all upstream sockets: each read is consumed before the next, so none of them allocates. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/**
 * Connects to one of the checked addresses, in their order, and verifies the certificate for the target's host.
 * Without a sink the socket is an ordinary stream.
 *
 * @throws Refusal `connect-failed`, `connect-timeout` or `upstream-tls-failed`
 */
export async function dial(
  target: DialTarget,
  addresses: readonly { address: string }[],
  tlsWith: { context: tls.SecureContext; sessions: BoundedCache<string, Buffer> } | undefined,
  timeouts: Timeouts,
  sink?: ReadSink,
): Promise<Dialled> {
  let last: Refusal | undefined;
  for (const { address } of addresses.slice(0, 4)) {
    const options = { host: address, port: target.port, allowHalfOpen: false, ...(sink && { onread: readInto(sink) }) };
    const socket = tlsWith === undefined ? net.connect(options) : secure(options, target, tlsWith);
    try {
      await connected(socket, target.port, timeouts.connectTimeoutMs);
      if (socket instanceof tls.TLSSocket) await verified(socket, timeouts.tlsHandshakeTimeoutMs);
      const isHttp2 = socket instanceof tls.TLSSocket && socket.alpnProtocol === 'h2';
      return { socket, address, protocol: isHttp2 ? 'h2' : 'http/1.1' };
    } catch (error) {
      socket.destroy();
      if (!(error instanceof Refusal)) throw error;
      last = error;
      if (error.reason !== 'upstream-tls-failed') continue;
      tlsWith?.sessions.delete(target.key);
      break;
    }
  }
  throw last ?? new Refusal('connect-failed', 'the host has no address to connect to');
}

function readInto(sink: ReadSink): net.OnReadOpts {
  return {
    buffer: READ_BUFFER,
    callback: (length) => {
      sink.take(READ_BUFFER.subarray(0, length));
      return true;
    },
  };
}

function secure(
  options: net.TcpNetConnectOpts,
  target: DialTarget,
  { context, sessions }: { context: tls.SecureContext; sessions: BoundedCache<string, Buffer> },
): tls.TLSSocket {
  const name = target.serverName ?? target.host;
  const session = sessions.get(target.key);
  const socket = tls.connect({
    ...options,
    ...(isIpAddress(name) ? {} : { servername: name }),
    secureContext: context,
    ...(session === undefined ? {} : { session }),
    ALPNProtocols: [...target.alpn],
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
  });
  socket.on('session', (ticket: Buffer) => sessions.set(target.key, ticket));
  return socket;
}

function connected(socket: net.Socket, port: number, timeoutMs: number): Promise<void> {
  const late = new Refusal('connect-timeout', 'the upstream did not accept the connection in time');
  return happened(socket, 'connect', timeoutMs, late, (cause) => {
    return new Refusal('connect-failed', `cannot connect to port ${port} of the upstream`, { cause });
  }).then(() => {
    socket.setNoDelay(true);
  });
}

async function verified(socket: tls.TLSSocket, timeoutMs: number): Promise<void> {
  const refused = (cause: Error): Refusal =>
    new Refusal('upstream-tls-failed', `cannot verify the upstream: ${describeError(cause)}`, { cause });
  await happened(socket, 'secureConnect', timeoutMs, refused(new Error('TLS handshake timed out')), refused);
  if (!socket.authorized) throw refused(socket.authorizationError ?? new Error('certificate not authorized'));
}

/** Waits for this event; fails on an error, on the socket's end and after the time. */
function happened(
  socket: net.Socket,
  event: string,
  timeoutMs: number,
  late: Refusal,
  failure: (cause: Error) => Refusal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
      socket.removeListener(event, done);
    };
    const done = (): void => {
      settle();
      resolve();
    };
    const failed = (cause: Error): void => {
      settle();
      // A second error of the same socket has nobody left to hear it.
      socket.on('error', () => {});
      reject(failure(cause));
    };
    const closed = (): void => failed(new Error('the upstream closed the connection'));
    const timer = setTimeout(() => {
      settle();
      socket.on('error', () => {});
      reject(late);
    }, timeoutMs);
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, done);
  });
}
