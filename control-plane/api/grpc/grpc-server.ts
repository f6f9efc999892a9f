import { constants, type Http2SecureServer } from 'node:http2';
import { logVerbosity, Server, ServerCredentials, type ServerInterceptor, setLogVerbosity } from '@grpc/grpc-js';
import { ProxyServiceService, type ProxyServiceServer } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { listenFailed } from '../../../common/errors.ts';
import { formatAuthority, type Authority } from '../../../common/net/host.ts';
import type { ServerTls } from '../../server-tls.ts';

export interface GrpcServer {
  /** HOST:PORT as it listens. */
  readonly address: string;
  /** This certificate, from the next connection on. */
  present(tls: ServerTls): void;
  /** Lets calls finish for this long, then ends them. */
  close(graceMs: number): Promise<void>;
}

const OPTIONS = {
  // Whoever connects, without any proof yet, can have so many messages of this length held, all but their last byte. Proxies
  // send frames of a spool, which have a mebibyte at most, and have a handful of calls open.
  'grpc.max_receive_message_length': 2_097_152,
  'grpc.max_concurrent_streams': 64,
  // A proxy that vanished without a word is noticed within this time.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const;

/** Listens for proxies over TLS; there is no cleartext variant. A call that reads nothing for `unreadMs` is reset. */
export async function startGrpcServer(
  handlers: ProxyServiceServer,
  interceptors: ServerInterceptor[],
  listen: Authority,
  tls: ServerTls,
  unreadMs: number,
): Promise<GrpcServer> {
  // What it would write to standard error by itself comes as errors too.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({ ...OPTIONS, interceptors });
  server.addService(ProxyServiceService, handlers);
  const pair = { cert_chain: Buffer.from(tls.chainPem), private_key: Buffer.from(tls.keyPem) };
  const where = formatAuthority(listen.host, listen.port);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(where, ServerCredentials.createSsl(null, [pair]), (error, bound) => {
      if (error) reject(listenFailed(where, causeOf(error)));
      else resolve(bound);
    });
  });
  for (const listening of listenersOf(server)) {
    outliveGoaway(listening);
    dropUnread(listening, unreadMs);
  }
  return {
    address: formatAuthority(listen.host, port),
    present: ({ chainPem, keyPem }) => {
      for (const listening of listenersOf(server)) listening.setSecureContext({ cert: chainPem, key: keyPem });
    },
    close: (graceMs) => closeServer(server, graceMs),
  };
}

/**
 * Leaves it to who says GOAWAY to close the connection. Node would refuse further calls there, and up to 22.23.1 and 24.18.0 (in 20
 * for ever) that frees what is still in use: anybody could end the control plane so (CVE-2026-56848).
 */
function outliveGoaway(listening: Http2SecureServer): void {
  listening.on('session', (session) => session.once('goaway', () => (session.close = () => {})));
}

/** What was written to one who reads nothing, and answers pings all the same, would be held for ever: its end waits behind it. */
function dropUnread(listening: Http2SecureServer, unreadMs: number): void {
  listening.on('stream', (stream) => {
    let isStill = false;
    stream.on('drain', () => (isStill = false));
    const look = setInterval(() => {
      if (isStill) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      isStill = stream.writableNeedDrain;
    }, unreadMs);
    look.unref();
    stream.once('close', () => clearInterval(look));
  });
}

function listenersOf(server: Server): Iterable<Http2SecureServer> {
  return (server as unknown as { readonly http2Servers: ReadonlyMap<Http2SecureServer, unknown> }).http2Servers.keys();
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}

/** grpc-js tells of one address as it would of several: "No address added out of total 1 resolved errors: [why]". */
function causeOf(error: Error): Error {
  const why = /^No address added .*\[([^\]]+)\]$/.exec(error.message)?.[1];
  return why === undefined ? error : new Error(why);
}
