import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Roster, type Rostered } from '../../common/roster.ts';
import type { AgentSession } from './agent-session.ts';

/** A socket or a session with its place in the roster. */
interface Seated<T> extends Rostered {
  readonly of: T;
}

/** Every socket and session of agents, over all listeners of a proxy. */
export class AgentSessions {
  readonly #sockets = new Roster<Seated<Socket>>();
  readonly #sessions = new Roster<Seated<AgentSession>>();
  #draining = false;

  /** The number of sessions. */
  get size(): number {
    return this.#sessions.size;
  }

  *[Symbol.iterator](): Iterator<AgentSession> {
    for (const { of } of this.#sessions) yield of;
  }

  /** Holds the socket until it closes; returns how many are held with it. */
  hold(socket: Socket): number {
    const held = { of: socket, seat: -1 };
    this.#sockets.add(held);
    socket.once('close', () => this.#sockets.delete(held));
    return this.#sockets.size;
  }

  destroySockets(): void {
    for (const { of } of this.#sockets) of.destroy();
  }

  /** Holds the session until its socket closes, or what comes back is called. */
  track(session: AgentSession, socket: EventEmitter): () => void {
    const tracked = { of: session, seat: -1 };
    const forget = (): void => {
      socket.removeListener('close', forget);
      this.#sessions.delete(tracked);
    };
    this.#sessions.add(tracked);
    socket.once('close', forget);
    if (this.#draining) session.drain();
    return forget;
  }

  /** Sessions that are there, and those that still come (of handshakes under way), take no new calls. */
  drain(): void {
    this.#draining = true;
    for (const session of this) session.drain();
  }
}
