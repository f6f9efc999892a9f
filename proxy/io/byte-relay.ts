import type { Socket } from 'node:net';
import { breakOff } from './linger.ts';

export interface Relay {
  destroy(): void;
}

export interface RelayEnd {
  /** Bytes of the agent and of the upstream, counted from the relay's start. */
  readonly sent: number;
  readonly received: number;
  /** Both sides ended by themselves. */
  readonly clean: boolean;
}

/**
 * Carries bytes both ways until both sides are done, one breaks, or nothing moves for `idleMs`. An agent whose tunnel breaks is
 * told so: many protocols without TLS take an end for the end of what they read.
 */
export function relayBytes(agent: Socket, upstream: Socket, idleMs: number, done: (end: RelayEnd) => void): Relay {
  const [sentBefore, receivedBefore] = [agent.bytesRead, upstream.bytesRead];
  let ended = false;
  const end = (clean: boolean): void => {
    if (ended) return;
    ended = true;
    if (!clean) breakOff(agent);
    agent.destroy();
    upstream.destroy();
    done({ sent: agent.bytesRead - sentBefore, received: upstream.bytesRead - receivedBefore, clean });
  };
  for (const socket of [agent, upstream]) {
    socket.setTimeout(idleMs, () => end(false));
    socket.on('error', () => end(false));
  }
  agent.on('close', (hadError) => end(!hadError));
  upstream.on('close', (hadError) => {
    // What a slow agent has not read yet is still to be delivered; the idle time bounds the wait.
    if (hadError || agent.writableFinished) return end(!hadError);
    agent.once('finish', () => end(true));
    agent.end();
  });
  agent.pipe(upstream);
  upstream.pipe(agent);
  return { destroy: () => end(false) };
}
