import type { Socket } from 'node:net';
import type { TcpOwners } from './tcp-owner.ts';

/** Most programs close at once; some wait a little for the other side. Each wait is four times the last one. */
const FIRST_LOOK_MS = 1_000;

/**
 * An agent's connection whose end has come in the middle of its calls. TCP says with one and the same FIN that an agent has
 * said all it has to say, and that it has closed (RFC 9293 3.6): the first is served (RFC 9112 9.6), the second shows only
 * once bytes for it come back as a reset, which with a silent upstream may take minutes. On one machine the kernel's
 * table tells the two apart.
 */
export class EndedSocket {
  readonly #socket: Socket;
  readonly #owners: TcpOwners;
  /** Asked for at the end: a socket that was reset has forgotten whose it was. */
  readonly #host: string | undefined;
  readonly #port: number | undefined;
  #waitMs = FIRST_LOOK_MS;
  #dueAt: number | undefined;

  constructor(socket: Socket, owners: TcpOwners) {
    this.#socket = socket;
    this.#owners = owners;
    this.#host = socket.remoteAddress;
    this.#port = socket.remotePort;
  }

  /** Looks, when it is time, whether anybody is left, and else closes. */
  sweep(now: number): void {
    this.#dueAt ??= now + this.#waitMs;
    if (now < this.#dueAt) return;
    this.#waitMs *= 4;
    this.#dueAt = now + this.#waitMs;
    // A unix socket has no such table.
    if (this.#host === undefined || this.#port === undefined) return;
    void this.#closeIfAbandoned({ host: this.#host, port: this.#port });
  }

  async #closeIfAbandoned(agent: { readonly host: string; readonly port: number }): Promise<void> {
    if (await this.#owners.isAbandoned(agent)) this.#socket.destroy();
  }
}
