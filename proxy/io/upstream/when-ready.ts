import type net from 'node:net';
import type { Refusal } from '../../refusal.ts';

export interface Timeouts {
  readonly connectTimeoutMs: number;
  readonly tlsHandshakeTimeoutMs: number;
}

/** Waits for this event; fails on an error, on the socket's end and after the time. */
export function whenReady(
  socket: net.Socket,
  event: string,
  timeoutMs: number,
  late: Refusal,
  failure: (cause: Error) => Refusal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
      socket.removeListener(event, done);
    };
    const done = (): void => {
      settle();
      resolve();
    };
    const failed = (cause: Error): void => {
      settle();
      // A second error of the same socket has nobody left to hear it.
      socket.on('error', () => {});
      reject(failure(cause));
    };
    // As Node calls it where it tells of it.
    const closed = (): void =>
      failed(Object.assign(new Error('the peer closed the connection'), { code: 'ECONNRESET' }));
    const timer = setTimeout(() => {
      settle();
      socket.on('error', () => {});
      reject(late);
    }, timeoutMs);
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(event, done);
  });
}
