import type net from 'node:net';
import tls from 'node:tls';
import type { AddressInfo } from 'node:net';
import type { Reason } from '../../../proto/reasons.ts';
import { startBreakableRelay } from './breakable-relay.ts';
import { makeTlsIdentity } from '../tls-identity.ts';
import { startRawUpstream } from './upstream.ts';

/** What an upstream of HTTP/1.1 does to a request. */
type Strike = (socket: net.Socket, reset: () => void) => void;

/** An upstream of HTTP/1.1, in the clear on one port and over TLS on another, that does to every connection's first request what its test says. */
export interface FaultyHttp1Upstream {
  readonly port: number;
  readonly securePort: number;
  readonly caPem: string;
  /** The connections it was ever given. */
  readonly sockets: readonly net.Socket[];
  onRequest: Strike;
  close(): Promise<void>;
}

export async function startFaultyHttp1Upstream(hosts: readonly string[]): Promise<FaultyHttp1Upstream> {
  const { key, cert, caPem } = makeTlsIdentity(hosts);
  const sockets: net.Socket[] = [];
  const serve = (socket: net.Socket, reset: () => void): void => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', () => upstream.onRequest(socket, reset));
  };
  const plain = await startRawUpstream((socket) => serve(socket, () => socket.resetAndDestroy()));
  const server = tls.createServer({ key, cert }, (socket) => serve(socket, () => relay.strike('resets')));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relay = await startBreakableRelay((server.address() as AddressInfo).port);
  const upstream: FaultyHttp1Upstream = {
    port: plain.port,
    securePort: relay.port,
    caPem,
    sockets,
    onRequest: () => {},
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await relay.close();
      await plain.close();
    },
  };
  return upstream;
}

export const PARTIAL = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part';

interface Http1Fault {
  readonly strike: Strike;
  readonly reason: Reason;
  /** The status that the agent is told; an answer that has begun is cut. */
  readonly told: 502 | 504 | 'cut';
  readonly bytes: number;
}

export const HTTP1_FAULTS: Readonly<Record<string, Http1Fault>> = {
  'resets in its body': {
    strike: (socket, reset) => socket.write(PARTIAL, () => setTimeout(reset, 50)),
    reason: 'upstream-closed',
    told: 'cut',
    bytes: 11,
  },
  'ends in its body': { strike: (socket) => socket.end(PARTIAL), reason: 'upstream-closed', told: 'cut', bytes: 11 },
  'falls silent in its body': {
    strike: (socket) => socket.write(PARTIAL),
    reason: 'upstream-timeout',
    told: 'cut',
    bytes: 11,
  },
  'sends garbage for a head': {
    strike: (socket) => socket.write('\0\x01garbage\r\n\r\n'),
    reason: 'upstream-malformed',
    told: 502,
    bytes: 0,
  },
  'sends garbage for a chunk': {
    strike: (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nonly a part\r\nzz\r\n'),
    reason: 'upstream-malformed',
    told: 'cut',
    bytes: 11,
  },
  'ends before its answer': { strike: (socket) => socket.end(), reason: 'upstream-closed', told: 502, bytes: 0 },
  'resets before its answer': { strike: (_, reset) => reset(), reason: 'upstream-closed', told: 502, bytes: 0 },
  'says nothing': { strike: () => {}, reason: 'upstream-timeout', told: 504, bytes: 0 },
};
