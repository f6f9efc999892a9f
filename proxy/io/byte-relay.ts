import type { Socket } from 'node:net';
import type { Reason } from '../../proto/reasons.ts';
import { breakOff, LINGER_MS } from './linger.ts';

export interface Relay {
  /** Breaks it, and `done` is told of `reason`. */
  cut(reason: Reason): void;
}

export interface RelayEnd {
  /** Bytes of the agent and of the upstream, counted from the relay's start. */
  readonly sent: number;
  readonly received: number;
  /** `ok` when both sides ended by themselves. */
  readonly reason: Reason;
}

/**
 * Carries bytes both ways until both sides are done, one breaks, or nothing moves for `idleMs`. An agent whose tunnel breaks is
 * told so: many protocols without TLS take an end for the end of what they read.
 */
export function relayBytes(agent: Socket, upstream: Socket, idleMs: number, done: (end: RelayEnd) => void): Relay {
  const [sentBefore, receivedBefore] = [agent.bytesRead, upstream.bytesRead];
  let ended = false;
  const end = (reason: Reason): void => {
    if (ended) return;
    ended = true;
    if (reason !== 'ok') breakOff(agent);
    agent.destroy();
    upstream.destroy();
    done({ sent: agent.bytesRead - sentBefore, received: upstream.bytesRead - receivedBefore, reason });
  };
  for (const [socket, closed] of [
    [agent, 'agent-closed'],
    [upstream, 'upstream-closed'],
  ] as const) {
    socket.setTimeout(idleMs, () => end('upstream-timeout'));
    socket.on('error', () => end(closed));
  }
  agent.pipe(upstream);
  upstream.pipe(agent);
  agent.on('close', (hadError) => end(hadError ? 'agent-closed' : 'ok'));
  upstream.on('end', () => {
    // It takes no more, and its socket would break. Unread, what the agent still sends would make a reset of our end, and lose
    // what it was told last (RFC 9112 9.6).
    agent.unpipe();
    agent.resume();
  });
  upstream.on('close', (hadError) => {
    if (hadError) return end('upstream-closed');
    // What a slow agent has not read yet is still to be delivered; the idle time bounds the wait.
    agent.end(() => setTimeout(() => end('ok'), LINGER_MS).unref());
  });
  return { cut: end };
}
