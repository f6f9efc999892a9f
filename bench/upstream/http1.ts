import type net from 'node:net';
import { AUTHORIZATION } from '../credential.ts';

const TOKEN = `authorization: ${AUTHORIZATION}`.toLowerCase();
const UNAUTHORIZED = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
const bodies = new Map<string, Buffer>();

/**
 * Answers `GET /N` with N bytes and `GET /echo` with the Authorization header that came. Under `/secret` it demands the
 * credential. Answers are made once: the upstream must not be what is measured.
 */
export function serveHttp1(socket: net.Socket): void {
  let pending = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    pending += bytes.toString('latin1');
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end);
      pending = pending.slice(end + 4);
      socket.write(answerTo(head));
    }
  });
}

function answerTo(head: string): Buffer {
  const path = /^GET (\/\S*) /.exec(head)?.[1] ?? '/';
  const secret = path.startsWith('/secret/');
  if (secret && !head.toLowerCase().includes(TOKEN)) return UNAUTHORIZED;
  const name = secret ? path.slice(7) : path;
  if (name === '/echo') return whole(/^authorization: ?(.*)$/im.exec(head)?.[1] ?? '');
  let made = bodies.get(name);
  if (made === undefined) {
    made = whole('x'.repeat(Number(name.slice(1)) || 0));
    if (bodies.size < 16) bodies.set(name, made);
  }
  return made;
}

function whole(body: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
}
