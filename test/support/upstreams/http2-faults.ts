import tls from 'node:tls';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { FrameType } from '../../../proxy/protocols/http2/frames.ts';
import {
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  headers,
  onFrames,
  type Pairs,
  reset,
  settings,
  uint32,
} from '../protocols/http2-frames.ts';
import { HOSTS } from '../worlds/proxy-world.ts';
import { makeTlsIdentity } from '../tls-identity.ts';

/** An upstream of HTTP/2 that does to every request what its test says, frame by frame. */
export interface FaultyHttp2Upstream {
  readonly port: number;
  readonly caPem: string;
  /** The connections it was ever given. */
  readonly sockets: readonly tls.TLSSocket[];
  /** Streams that the proxy reset, by their error code. */
  readonly resets: readonly number[];
  /** What happens on each head. */
  onRequest: (socket: tls.TLSSocket, stream: number) => void;
  close(): Promise<void>;
}

/** A socket below TLS cannot be reset by Node, so that TCP ends in front of it. By the port between the two. */
const inFront = new Map<number | undefined, net.Socket>();

export async function startFaultyHttp2Upstream(): Promise<FaultyHttp2Upstream> {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  const sockets: tls.TLSSocket[] = [];
  const resets: number[] = [];
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.write(settings());
    onFrames(socket, (frame) => {
      if (frame[3] === FrameType.HEADERS) upstream.onRequest(socket, frame.readUInt32BE(5));
      if (frame[3] === FrameType.RST_STREAM) resets.push(frame.readUInt32BE(9));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front = net.createServer({ allowHalfOpen: true }, (socket) =>
    relayTo((server.address() as AddressInfo).port, socket),
  );
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const upstream: FaultyHttp2Upstream = {
    port: (front.address() as AddressInfo).port,
    caPem,
    sockets,
    resets,
    onRequest: () => {},
    close: () =>
      new Promise((resolve) => {
        front.close();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return upstream;
}

function relayTo(port: number, front: net.Socket): void {
  const back = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => inFront.set(back.localPort, front));
  front.pipe(back).pipe(front);
  front.on('error', () => back.destroy());
  front.on('close', () => back.destroy());
  back.on('error', () => front.destroy());
  back.on('close', () => inFront.delete(back.localPort));
}

/** The head of an answer and a part of what it announces. */
export function partOf(stream: number, body: Buffer | string, fields: Pairs = []): Buffer {
  return Buffer.concat([headers(stream, [[':status', '200'], ...fields]), data(stream, body)]);
}

export function goAway(lastStream: number, code = 0): Buffer {
  return frame(FrameType.GOAWAY, 0, 0, uint32(lastStream, code));
}

/** What goes wrong once the first bytes (none for a fault before the answer) are out, and what it is called. */
interface Http2Fault {
  readonly reason: 'upstream-closed' | 'upstream-malformed';
  /** The connection outlives it, and serves the next call. */
  readonly spares?: boolean;
  /** Before its answer, a call may be sent again (RFC 9113 8.7). */
  readonly retried?: boolean;
  readonly strike: (socket: tls.TLSSocket, stream: number, first: Buffer) => void;
}

/** Bytes behind the first ones, in the same read. */
const then =
  (...after: ((stream: number) => Buffer)[]): Http2Fault['strike'] =>
  (socket, stream, first) =>
    void socket.write(Buffer.concat([first, ...after.map((make) => make(stream))]));
const GARBAGE = Buffer.from('HTTP/1.1 400 no\r\n\r\n'.repeat(9));

export const HTTP2_FAULTS: Readonly<Record<string, Http2Fault>> = {
  'resets the stream': { reason: 'upstream-closed', spares: true, strike: then((stream) => reset(stream, 2)) },
  'cancels the stream': { reason: 'upstream-closed', spares: true, strike: then((stream) => reset(stream, 8)) },
  'resets the stream with NO_ERROR': { reason: 'upstream-closed', spares: true, strike: then((id) => reset(id, 0)) },
  'says GOAWAY and ends': {
    reason: 'upstream-closed',
    strike: (socket, stream, first) => socket.end(Buffer.concat([first, goAway(stream)])),
  },
  'says GOAWAY for this stream too': { reason: 'upstream-closed', retried: true, strike: then(() => goAway(0, 2)) },
  'ends its connection': { reason: 'upstream-closed', strike: (socket, _stream, first) => socket.end(first) },
  'resets its connection': {
    reason: 'upstream-closed',
    strike: (socket, _stream, first) =>
      socket.write(Buffer.concat([first, settings()]), () =>
        setTimeout(() => inFront.get(socket.remotePort)?.resetAndDestroy(), 50),
      ),
  },
  'sends garbage': { reason: 'upstream-malformed', strike: then(() => GARBAGE) },
  'breaks the header compression': {
    reason: 'upstream-malformed',
    strike: then((stream) => frame(FrameType.HEADERS, END_STREAM | END_HEADERS, stream, Buffer.alloc(4, 0xff))),
  },
  'says too much': { reason: 'upstream-malformed', spares: true, strike: then((id) => data(id, 'x'.repeat(200), 1)) },
  'says too little': { reason: 'upstream-malformed', spares: true, strike: then((id) => data(id, '', 1)) },
};
