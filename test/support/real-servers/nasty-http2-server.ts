import type net from 'node:net';
import tls from 'node:tls';
import { Flag, FRAME_HEADER_BYTES, FrameType } from '../../../proxy/protocols/http2/frames.ts';
import { HpackDecoder } from '../../../proxy/protocols/http2/hpack-decoder.ts';
import { DEFAULT_HTTP2_LIMITS } from '../../../proxy/sessions/http2/limits.ts';
import { data, END_STREAM, headers, onFrames, settings, SETTINGS_ACK } from '../protocols/http2-frames.ts';
import { HOSTS } from '../worlds/proxy-world.ts';
import { seededRandom } from '../random.ts';
import { makeTlsIdentity } from '../tls-identity.ts';
import { nastyHttp2Answer, type NastyHttp2Answer } from './nasty-http2-answers.ts';

/** Answers `/answer/N` as the seed N says, and with the path what was refused before and everything else. */
export interface NastyHttp2Server {
  readonly port: number;
  readonly caPem: string;
  /** What it answered to the calls since `calls` was emptied. */
  readonly calls: NastyHttp2Answer[];
  close(): Promise<void>;
}

export async function startNastyHttp2Server(): Promise<NastyHttp2Server> {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  const calls: NastyHttp2Answer[] = [];
  const sockets = new Set<tls.TLSSocket>();
  const answer = (stream: number, method: string, path: string): NastyHttp2Answer => {
    const seed = /^\/answer\/(\d+)/.exec(path)?.[1];
    if (seed !== undefined && calls.at(-1)?.meant !== 'refused') {
      return nastyHttp2Answer(seededRandom(Number(seed)), method, stream);
    }
    const body = method === 'HEAD' ? '' : path;
    const frames = [headers(stream, [[':status', '200']]), data(stream, body, END_STREAM)];
    return { frames, ends: false, meant: 'whole', status: 200, body };
  };
  const onCall = (socket: tls.TLSSocket, stream: number, method: string, path: string): void => {
    const said = answer(stream, method, path);
    if (path.startsWith('/answer/')) calls.push(said);
    if (!socket.writable) return;
    socket.write(Buffer.concat(said.frames));
    if (said.ends) socket.end();
  };
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const decoder = new HpackDecoder(DEFAULT_HTTP2_LIMITS);
    socket.write(settings());
    onFrames(socket, (frame) => {
      if (frame[3] === FrameType.SETTINGS && ((frame[4] ?? 0) & Flag.ACK) === 0) socket.write(SETTINGS_ACK);
      if (frame[3] !== FrameType.HEADERS) return;
      decoder.decode(frame, FRAME_HEADER_BYTES, frame.length);
      const fieldOf = (name: string): string => decoder.fields.find((field) => field.name === name)?.value ?? '';
      onCall(socket, frame.readUInt32BE(5), fieldOf(':method'), fieldOf(':path'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    caPem,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
