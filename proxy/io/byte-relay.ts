import type { Socket } from 'node:net';

/** Carries bytes both ways until both sides are done, one breaks, or nothing moves for `idleMs`. */
export function relayBytes(
  agent: Socket,
  upstream: Socket,
  idleMs: number,
  done: (sentBytes: number, receivedBytes: number) => void,
): void {
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    agent.destroy();
    upstream.destroy();
    done(agent.bytesRead, upstream.bytesRead);
  };
  for (const socket of [agent, upstream]) {
    socket.setTimeout(idleMs, end);
    socket.on('error', end);
    socket.on('close', end);
  }
  agent.pipe(upstream);
  upstream.pipe(agent);
}
