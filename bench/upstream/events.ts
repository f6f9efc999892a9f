import type net from 'node:net';

const EVERY_MS = 40;
/** A stream whose reader has fallen this far behind is left out until it has caught up. */
const MAX_BEHIND_BYTES = 65_536;
const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n';

const streams = new Map<net.Socket, number>();
let timer: NodeJS.Timeout | undefined;

/** Sends an event of `bytes` bytes to all open streams 25 times a second. */
export function serveEvents(socket: net.Socket, bytes: number): void {
  socket.write(HEAD);
  streams.set(socket, bytes);
  socket.once('close', () => {
    streams.delete(socket);
    if (streams.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
  timer ??= setInterval(tick, EVERY_MS);
}

function tick(): void {
  for (const [socket, bytes] of streams) {
    if (socket.writableLength > MAX_BEHIND_BYTES) continue;
    const start = `data: ${process.hrtime.bigint()};`;
    const event = `${start.padEnd(bytes - 3, 'e')}|\n\n`;
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n`, 'latin1');
  }
}
