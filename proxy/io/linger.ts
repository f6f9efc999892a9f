import type { Socket } from 'node:net';

const LINGER_MS = 2_000;

/** Sends the last bytes and ends; reads on for a moment, since a reset would make the peer lose them (RFC 9112 9.6). */
export function closeWith(socket: Socket, bytes: Buffer): void {
  socket.end(bytes);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
