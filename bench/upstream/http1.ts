import type net from 'node:net';
import { AUTHORIZATION } from '../credential.ts';
import type { Fault } from '../options.ts';
import { acceptOf, echoOf } from '../websocket-frames.ts';
import { serveEvents } from './events.ts';

const TOKEN = `authorization: ${AUTHORIZATION}`.toLowerCase();
const UNAUTHORIZED = Buffer.from('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
const FAILED = Buffer.from('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
const bodies = new Map<string, Buffer>();

/**
 * Answers `GET /N` and `POST /N` (whose body it takes first) with N bytes, `GET /echo` with the Authorization header that came, `GET /events/N` with a stream of
 * events and `GET /websocket` with an echoing WebSocket. Under `/secret` it demands the credential. Answers are made
 * once: the upstream must not be what is measured.
 */
export function http1Server(fault: Fault | undefined): (socket: net.Socket) => void {
  const token = fault === 'credential' ? 'authorization: bearer another' : TOKEN;
  return (socket) => serve(socket, token, fault);
}

function serve(socket: net.Socket, token: string, fault: Fault | undefined): void {
  let pending = '';
  let bodyLeft = 0;
  let afterBody: Buffer = UNAUTHORIZED;
  const readRequests = (bytes: Buffer): void => {
    if (bodyLeft > bytes.length) {
      bodyLeft -= bytes.length;
      return;
    }
    if (bodyLeft > 0) socket.write(afterBody);
    pending += bytes.toString('latin1', bodyLeft);
    bodyLeft = 0;
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end);
      pending = pending.slice(end + 4);
      const path = /^(?:GET|POST) (\/\S*) /.exec(head)?.[1] ?? '/';
      const secret = path.startsWith('/secret/');
      const name = secret ? path.slice(7) : path;
      if (secret && !head.toLowerCase().includes(token)) socket.write(UNAUTHORIZED);
      else if (fault === 'status' && name !== '/echo') socket.write(FAILED);
      else if (name.startsWith('/events/')) serveEvents(socket, Number(name.slice(8)));
      else if (name === '/websocket') {
        socket.removeListener('data', readRequests);
        serveWebsocket(socket, head);
      } else {
        const answer = answerTo(fault === 'short' ? shortened(name) : name, head);
        const sent = Number(/^content-length: ?(\d+)/im.exec(head)?.[1] ?? 0);
        if (sent <= pending.length) {
          pending = pending.slice(sent);
          socket.write(answer);
          continue;
        }
        bodyLeft = sent - pending.length;
        afterBody = answer;
        pending = '';
      }
    }
  };
  socket.on('error', () => socket.destroy());
  socket.on('data', readRequests);
}

function shortened(name: string): string {
  return name === '/echo' ? name : `/${Number(name.slice(1)) - 1}`;
}

function answerTo(name: string, head: string): Buffer {
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

function serveWebsocket(socket: net.Socket, head: string): void {
  const key = /^sec-websocket-key: ?(\S+)/im.exec(head)?.[1] ?? '';
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
  );
  let left: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    left = left.length === 0 ? bytes : Buffer.concat([left, bytes]);
    for (let found = echoOf(left); found !== undefined; found = echoOf(left)) {
      left = found.rest;
      socket.write(found.echo);
    }
  });
}
