import http2 from 'node:http2';
import { Duplex } from 'node:stream';

/** A request that a server read whole. */
export interface ReadRequest {
  readonly line: string;
  readonly fields: string[];
  readonly body: string;
  readonly trailers: string[];
}

const ENOUGH_TURNS = 40;

function fieldsOf(headers: http2.IncomingHttpHeaders): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => `${name}: ${String(value)}`);
}

/** What Node's server, which is nghttp2, reads from the bytes of one client; by stream. It answers nothing. */
export async function readRequestsWithNode(bytes: Buffer): Promise<Map<number, ReadRequest>> {
  const requests = new Map<number, ReadRequest>();
  const wire = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const server = http2.createServer({ settings: { maxConcurrentStreams: 128 } });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    const { id = 0 } = stream;
    let body = '';
    let trailers: string[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => void (body += chunk.toString('latin1')));
    stream.on('trailers', (fields: http2.IncomingHttpHeaders) => void (trailers = fieldsOf(fields)));
    stream.on('end', () => {
      if (stream.aborted || stream.rstCode !== 0) return;
      const line = [':method', ':scheme', ':authority', ':path'].map((name) => headers[name] ?? '').join(' ');
      requests.set(id, { line, fields: fieldsOf(headers), body, trailers });
    });
  });
  wire.on('error', () => {});
  server.emit('connection', wire);
  wire.push(bytes);
  for (let turn = 0; turn < ENOUGH_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  wire.destroy();
  return requests;
}
