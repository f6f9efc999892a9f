import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { AgentSession } from './agent-session.ts';

/** Every socket and session of agents, over all listeners of a proxy. */
export class AgentSessions {
  readonly sockets = new Set<Socket>();
  readonly #sessions = new Map<AgentSession, () => void>();
  #draining = false;

  get size(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): Iterator<AgentSession> {
    return this.#sessions.keys();
  }

  /** Holds the session until it is forgotten, or its socket closes. */
  track(session: AgentSession, socket: EventEmitter): void {
    const onClose = (): void => this.forget(session);
    this.#sessions.set(session, () => socket.removeListener('close', onClose));
    socket.once('close', onClose);
    if (this.#draining) session.drain();
  }

  /** Sessions that are there, and those that still come (of handshakes under way), take no new calls. */
  drain(): void {
    this.#draining = true;
    for (const session of this.#sessions.keys()) session.drain();
  }

  forget(session: AgentSession): void {
    this.#sessions.get(session)?.();
    this.#sessions.delete(session);
  }
}
