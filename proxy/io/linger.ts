import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** How long what is closed is read on. */
export const LINGER_MS = 2_000;

/** Sends the last bytes and ends; reads on for a moment, since a reset would make the peer lose them (RFC 9112 9.6). */
export function closeWith(socket: Socket, bytes: Buffer): void {
  socket.end(bytes);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Resets the connection, where Node can: not over a unix socket. */
export function breakOff(socket: Duplex): void {
  if (!(socket instanceof Socket) || socket.remoteAddress === undefined) return;
  // Behind our own end Node could not, and would never say that it closed.
  if (!socket.writableEnded) socket.resetAndDestroy();
}
