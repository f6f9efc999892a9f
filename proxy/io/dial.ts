import net from 'node:net';
import tls from 'node:tls';
import type { Cidr } from '../../common/net/address-policy.ts';
import { isIpAddress } from '../../common/net/host.ts';
import { BoundedCache } from '../../common/bounded-cache.ts';
import { describeError } from '../../common/errors.ts';
import { Refusal } from '../http/refusal.ts';

/** One verified way to an upstream: what to dial and what the certificate must prove. */
export interface DialTarget {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly serverName: string | undefined;
  readonly caPem: string;
  readonly allowedAddresses: readonly Cidr[];
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

  for(caPem: string): tls.SecureContext {
    const known = this.#contexts.get(caPem);
    if (known !== undefined) return known;
    const context = tls.createSecureContext({ minVersion: 'TLSv1.2' });
    for (const pem of certificatesOf(this.#extraPem + '\n' + caPem)) {
      (context as unknown as { context: { addCACert(pem: string): void } }).context.addCACert(pem);
    }
    this.#contexts.set(caPem, context);
    return context;
  }
}

function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/**
 * Connects to one of the checked addresses, in their order, and verifies the certificate for the target's host.
 *
 * @throws Refusal `connect-failed`, `connect-timeout` or `upstream-tls-failed`
 */
export async function dial(
  target: DialTarget,
  addresses: readonly { address: string }[],
  context: tls.SecureContext | undefined,
  sessions: BoundedCache<string, Buffer>,
  timeouts: { connectTimeoutMs: number; tlsHandshakeTimeoutMs: number },
): Promise<{ socket: net.Socket; address: string }> {
  let last: Refusal | undefined;
  for (const { address } of addresses.slice(0, 4)) {
    try {
      const socket = await connectTcp(address, target.port, timeouts.connectTimeoutMs);
      if (!target.tls) return { socket, address };
      return { socket: await secure(socket, target, context, sessions, timeouts.tlsHandshakeTimeoutMs), address };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      last = error;
      if (error.reason === 'upstream-tls-failed') break;
    }
  }
  throw last ?? new Refusal('connect-failed', 'the host has no address to connect to');
}

function connectTcp(address: string, port: number, timeoutMs: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, noDelay: true, allowHalfOpen: false });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Refusal('connect-timeout', 'the upstream did not accept the connection in time'));
    }, timeoutMs);
    const failed = (cause: Error): void => {
      clearTimeout(timer);
      reject(new Refusal('connect-failed', `cannot connect to port ${port} of the upstream`, { cause }));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}

function secure(
  raw: net.Socket,
  target: DialTarget,
  context: tls.SecureContext | undefined,
  sessions: BoundedCache<string, Buffer>,
  timeoutMs: number,
): Promise<tls.TLSSocket> {
  const name = target.serverName ?? target.host;
  return new Promise((resolve, reject) => {
    const session = sessions.get(target.key);
    const socket = tls.connect({
      socket: raw,
      host: name,
      ...(isIpAddress(name) ? {} : { servername: name }),
      ...(context === undefined ? {} : { secureContext: context }),
      ...(session === undefined ? {} : { session }),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    });
    const timer = setTimeout(() => failed(new Error('TLS handshake timed out')), timeoutMs);
    const failed = (cause: Error): void => {
      clearTimeout(timer);
      sessions.delete(target.key);
      socket.destroy();
      raw.destroy();
      reject(new Refusal('upstream-tls-failed', `cannot verify the upstream: ${describeError(cause)}`, { cause }));
    };
    socket.once('error', failed);
    socket.on('session', (ticket: Buffer) => sessions.set(target.key, ticket));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      if (!socket.authorized) return failed(socket.authorizationError ?? new Error('certificate not authorized'));
      socket.removeListener('error', failed);
      resolve(socket);
    });
  });
}
