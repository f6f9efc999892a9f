import type net from 'node:net';
import tls from 'node:tls';
import { Flag, FrameType, PREFACE } from '../../../proxy/protocols/http2/frames.ts';
import { HpackDecoder } from '../../../proxy/protocols/http2/hpack-decoder.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../../../proxy/sessions/http2/limits.ts';
import { data, END_STREAM, headers, settings, SETTINGS_ACK } from '../http2-frames.ts';
import { HOSTS } from '../proxy-world.ts';
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
    const decoder = new HpackDecoder(DEFAULT_HTTP2_OPTIONS);
    let pending = Buffer.alloc(0);
    let skip = PREFACE.length;
    socket.write(settings());
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      if (pending.length < skip) return;
      pending = pending.subarray(skip);
      skip = 0;
      while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
        const end = 9 + pending.readUIntBE(0, 3);
        const [type, flags] = [pending[3], pending[4] ?? 0];
        if (type === FrameType.SETTINGS && (flags & Flag.ACK) === 0) socket.write(SETTINGS_ACK);
        if (type === FrameType.HEADERS) {
          decoder.decode(pending, 9, end);
          const fieldOf = (name: string): string => decoder.fields.find((field) => field.name === name)?.value ?? '';
          onCall(socket, pending.readUInt32BE(5), fieldOf(':method'), fieldOf(':path'));
        }
        pending = pending.subarray(end);
      }
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
