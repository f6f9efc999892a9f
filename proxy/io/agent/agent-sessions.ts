import type { Socket } from 'node:net';
import { Roster, type Rostered } from '../../../common/roster.ts';
import type { ProxyServices } from '../../http/services.ts';
import { EndedSocket } from './ended-socket.ts';
import { TcpOwners } from './tcp-owner.ts';

/** A connection from an agent, of whatever version of HTTP, as listener and sweeper see it. */
export interface AgentSession {
  /** By the monotonic clock; passed means `expire`. */
  readonly deadlineAt: number;
  expire(): void;
  /** Takes no new calls; closes now when idle, else after the present answers. */
  drain(): void;
  destroy(): void;
}

/** What all that serves agents shares. */
export interface AgentServices extends ProxyServices {
  readonly sessions: AgentSessions;
}

/** A socket with its place in the roster. */
interface Held extends Rostered {
  readonly of: Socket;
}

interface Tracked extends Rostered {
  readonly of: AgentSession;
  ended: EndedSocket | undefined;
}

/** Every socket and session of agents, over all listeners of a proxy. */
export class AgentSessions {
  readonly #sockets = new Roster<Held>();
  readonly #sessions = new Roster<Tracked>();
  readonly #owners = new TcpOwners();
  readonly #maxSockets: number;
  readonly #turnedAway: () => void;
  #draining = false;

  /** `turnedAway` is told of each socket beyond so many. */
  constructor(maxSockets: number, turnedAway: () => void) {
    this.#maxSockets = maxSockets;
    this.#turnedAway = turnedAway;
  }

  /** The number of sockets. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Ends what is over by now. */
  sweep(now: number): void {
    for (const { of, ended } of this.#sessions) {
      if (of.deadlineAt <= now) of.expire();
      ended?.sweep(now);
    }
  }

  /** Holds the socket until it closes; false, and it is closed, when there are as many as may be. */
  hold(socket: Socket): boolean {
    if (this.#sockets.size >= this.#maxSockets) {
      socket.destroy();
      this.#turnedAway();
      return false;
    }
    const held = { of: socket, seat: -1 };
    this.#sockets.add(held);
    socket.once('close', () => this.#sockets.delete(held));
    return true;
  }

  destroySockets(): void {
    for (const { of } of this.#sockets) of.destroy();
  }

  /** Holds the session until its socket closes, or what comes back is called. */
  track(session: AgentSession, socket: Socket): () => void {
    const tracked: Tracked = { of: session, seat: -1, ended: undefined };
    const ended = (): void => void (tracked.ended = new EndedSocket(socket, this.#owners));
    const forget = (): void => {
      socket.removeListener('close', forget);
      socket.removeListener('end', ended);
      this.#sessions.delete(tracked);
    };
    this.#sessions.add(tracked);
    socket.once('close', forget);
    socket.once('end', ended);
    if (this.#draining) session.drain();
    return forget;
  }

  /** Sessions that are there, and those that still come (of handshakes under way), take no new calls. */
  drain(): void {
    this.#draining = true;
    for (const { of } of this.#sessions) of.drain();
  }
}
