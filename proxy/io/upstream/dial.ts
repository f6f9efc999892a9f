import net from 'node:net';
import tls from 'node:tls';
import type { Cidr } from '../../../common/net/cidr.ts';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import { pemBlocks } from '../../../common/credential-grammar.ts';
import type { ClientCertificate } from '../../credentials/inject.ts';
import type { DialTarget, HttpVersion } from '../../http/request/dial-target.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { Refusal } from '../../refusal.ts';
import { outOfFiles } from '../open-files.ts';
import { SOCKET_BYTES } from '../turn.ts';
import { type Timeouts, whenReady } from './when-ready.ts';
import { connectTls, whenVerified } from './verified-tls.ts';

/** A checked address to dial: the upstream's, or that of a proxy before it, which opens a tunnel to the upstream. */
export interface Hop {
  readonly address: string;
  /** Gives a paused socket. @throws Refusal */
  readonly tunnel?: (timeouts: Timeouts) => Promise<net.Socket>;
}

export interface Resolver {
  resolve(host: string, port: number, allowed: readonly Cidr[]): Promise<Hop[]>;
}

/** Contexts with the system's roots plus these; `ca` would parse the whole root list again for each (22 ms). */
export class TrustedContexts {
  #extraPem: string;
  readonly #contexts = new BoundedCache<string, tls.SecureContext>(256);

  constructor(extraPem: string) {
    this.#extraPem = extraPem;
  }

  /** Others than before, from now on. */
  trust(extraPem: string): void {
    this.#extraPem = extraPem;
    this.#contexts.clear();
  }

  for(caPem: string, own?: ClientCertificate): tls.SecureContext {
    const key = own === undefined ? caPem : `${caPem}|${own.id}`;
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const identity = own === undefined ? {} : { cert: own.certificatePem, key: own.privateKeyPem.reveal() };
    const context = tls.createSecureContext({ minVersion: 'TLSv1.2', ...identity });
    for (const pem of pemBlocks(this.#extraPem + '\n' + caPem, 'CERTIFICATE')) {
      (context as unknown as { context: { addCACert(pem: string): void } }).context.addCACert(pem);
    }
    this.#contexts.set(key, context);
    return context;
  }
}

/** Who takes what a connection reads. The bytes are only lent: they are overwritten once `take` has returned. */
export interface ReadSink {
  take(bytes: Buffer): void;
}

export interface Dialled {
  readonly socket: net.Socket;
  readonly address: string;
  /** What ALPN chose, HTTP/1.1 where the upstream chose nothing; without TLS, the target's own. */
  readonly version: HttpVersion;
}

/** One buffer for all upstream sockets: each read is consumed before the next, so none of them allocates. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);

/** TLS to an upstream: what to trust, and the sessions that save a handshake. */
interface TlsWith {
  readonly context: tls.SecureContext;
  readonly sessions: BoundedCache<string, Buffer>;
}

const MAX_TRIES = 4;
/**
 * After so much silence the kernel asks the other end whether it is there, ten times a second apart (libuv): who waits for an event or
 * a slow answer learns of a peer that went without a word. HTTP/2's PING would do as well, but gRPC servers end connections for it.
 */
const SILENT_MS = 15_000;
/** While there is another address, one that does not answer is given up sooner: time for one lost SYN (RFC 6298 2.1). */
const EARLY_TRY_MS = 2_500;
const EARLY_HANDSHAKE_MS = 5_000;
/** Another address would say the same. */
const FINAL: ReadonlySet<Reason> = new Set<Reason>(['upstream-proxy-refused', 'upstream-tls-failed']);

/**
 * Connects to one of the checked addresses, in their order, or through a tunnel there, and verifies the certificate for
 * the target's host. Without a sink the socket is an ordinary stream.
 *
 * @throws Refusal `connect-failed`, `connect-timeout`, `upstream-tls-failed`, or what a proxy before the upstream caused
 */
export async function dial(
  target: DialTarget,
  hops: readonly Hop[],
  tlsWith: TlsWith | undefined,
  timeouts: Timeouts,
  sink?: ReadSink,
): Promise<Dialled> {
  let last: Refusal | undefined;
  const tries = hops.slice(0, MAX_TRIES);
  const early = {
    connectTimeoutMs: Math.min(timeouts.connectTimeoutMs, EARLY_TRY_MS),
    tlsHandshakeTimeoutMs: Math.min(timeouts.tlsHandshakeTimeoutMs, EARLY_HANDSHAKE_MS),
  };
  for (const hop of tries) {
    try {
      // A proxy's answer waits for the upstream's.
      const isLast = hop === tries.at(-1) || hop.tunnel !== undefined;
      const socket = await reach(hop, target, tlsWith, isLast ? timeouts : early, sink);
      const chosen = target.tls && socket instanceof tls.TLSSocket ? socket.alpnProtocol : target.versions[0];
      return { socket, address: hop.address, version: chosen === 'h2' ? 'h2' : 'http/1.1' };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      last = error;
      tlsWith?.sessions.delete(target.key);
      if (FINAL.has(error.reason)) break;
    }
  }
  throw last ?? new Refusal('connect-failed', 'the host has no address to connect to');
}

async function reach(
  hop: Hop,
  target: DialTarget,
  tlsWith: TlsWith | undefined,
  timeouts: Timeouts,
  sink: ReadSink | undefined,
): Promise<net.Socket> {
  if (hop.tunnel !== undefined) return reachThrough(await hop.tunnel(timeouts), target, tlsWith, timeouts, sink);
  const onread = sink && { onread: readInto(sink) };
  const options = {
    host: hop.address,
    port: target.port,
    allowHalfOpen: false,
    highWaterMark: SOCKET_BYTES,
    ...onread,
  };
  const socket = tlsWith === undefined ? net.connect(options) : secure(options, target, tlsWith);
  await orDestroy(socket, connected(socket, target.port, timeouts.connectTimeoutMs));
  return socket instanceof tls.TLSSocket ? orDestroy(socket, verified(socket, timeouts.tlsHandshakeTimeoutMs)) : socket;
}

/** The same inside a tunnel, whose socket was opened as an ordinary stream (`onread` does not work on top of one). */
async function reachThrough(
  tunnel: net.Socket,
  target: DialTarget,
  tlsWith: TlsWith | undefined,
  timeouts: Timeouts,
  sink: ReadSink | undefined,
): Promise<net.Socket> {
  let socket = tunnel;
  if (tlsWith !== undefined) {
    const secured = secure({ socket: tunnel }, target, tlsWith);
    // Neither outlives the other.
    tunnel.on('error', (error) => secured.destroy(error));
    secured.once('close', () => tunnel.destroy());
    socket = await orDestroy(secured, verified(secured, timeouts.tlsHandshakeTimeoutMs));
  }
  if (sink !== undefined) {
    socket.on('data', (bytes: Buffer) => sink.take(bytes));
    socket.resume();
  }
  return socket;
}

async function orDestroy<S extends net.Socket>(socket: S, ready: Promise<void>): Promise<S> {
  try {
    await ready;
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
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

function secure(options: tls.ConnectionOptions, target: DialTarget, { context, sessions }: TlsWith): tls.TLSSocket {
  const session = sessions.get(target.key);
  const resumed = session === undefined ? {} : { session };
  const offer = {
    secureContext: context,
    ALPNProtocols: [...target.versions],
    highWaterMark: SOCKET_BYTES,
    ...resumed,
  };
  const socket = connectTls({ ...options, ...offer }, target.serverName ?? target.host);
  socket.on('session', (ticket: Buffer) => sessions.set(target.key, ticket));
  return socket;
}

function connected(socket: net.Socket, port: number, timeoutMs: number): Promise<void> {
  const late = new Refusal('connect-timeout', 'the upstream did not accept the connection in time');
  return whenReady(socket, 'connect', timeoutMs, late, (cause) => {
    return (
      outOfFiles(cause) ?? new Refusal('connect-failed', `cannot connect to port ${port} of the upstream`, { cause })
    );
  }).then(() => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, SILENT_MS);
  });
}

function verified(socket: tls.TLSSocket, timeoutMs: number): Promise<void> {
  const late = new Refusal('connect-timeout', 'the upstream did not finish the TLS handshake in time');
  return whenVerified(socket, timeoutMs, late, ({ isGone, words }, cause) => {
    return new Refusal(isGone ? 'connect-failed' : 'upstream-tls-failed', `the upstream ${words}`, { cause });
  });
}
