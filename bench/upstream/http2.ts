import type http2 from 'node:http2';
import { AUTHORIZATION } from '../credential.ts';

const bodies = new Map<string, Buffer>();

/**
 * The HTTP/2 upstream: `GET /N`, `POST /N` (whose body it takes first), `GET /echo`, all under `/secret` with the credential demanded, and a gRPC method that
 * answers with the message that it got.
 */
export function serveHttp2(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
  stream.on('error', () => stream.destroy());
  const path = headers[':path'] ?? '/';
  const authorization = headers.authorization ?? '';
  const demanded = /^\/secret[./]/.test(path);
  if (demanded && authorization !== AUTHORIZATION) {
    stream.respond({ ':status': 401 }, { endStream: true });
    return;
  }
  if (path.includes('.Echo/')) {
    answerGrpc(stream, path.endsWith('/Authorization') ? authorization : undefined);
    return;
  }
  const name = path.replace(/^\/secret/, '');
  const body = name === '/echo' ? Buffer.from(authorization) : bodyOf(name);
  stream.resume();
  stream.once('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'text/plain', 'content-length': body.length });
    stream.end(body);
  });
}

/** gRPC over HTTP/2: messages with a flag and four bytes of length before each, and the status in trailers. */
function answerGrpc(stream: http2.ServerHttp2Stream, text: string | undefined): void {
  const received: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => received.push(bytes));
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(text === undefined ? Buffer.concat(received) : frame(Buffer.from(text)));
  });
}

function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function bodyOf(name: string): Buffer {
  let body = bodies.get(name);
  if (body === undefined) {
    body = Buffer.alloc(Number(name.slice(1)) || 0, 'x');
    if (bodies.size < 16) bodies.set(name, body);
  }
  return body;
}
