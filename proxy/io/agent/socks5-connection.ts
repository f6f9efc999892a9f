import type { Socket } from 'node:net';
import { parseHost } from '../../../common/net/host.ts';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../../proto/reasons.ts';
import { Call } from '../../http/call.ts';
import { type Socks5Command, type Socks5Fault, Socks5Server } from '../../protocols/socks5/server.ts';
import { REPLY, writeReply } from '../../protocols/socks5/server-messages.ts';
import { Refusal } from '../../refusal.ts';
import type { AgentServices, AgentSession } from './agent-sessions.ts';
import { closeWith } from '../linger.ts';
import { replyTo } from './socks5-replies.ts';
import { openAddressTunnel, openTunnel, refuseTunnel, type Tunnel } from './tunnel.ts';

const FAULT_REASONS: Readonly<Record<Socks5Fault, Reason>> = {
  malformed: 'bad-request',
  'method-unacceptable': 'proxy-authentication-required',
  'password-wrong': 'proxy-authentication-required',
  'command-unknown': 'method-refused',
  'address-unknown': 'bad-request',
};

type ConnectCommand = Extract<Socks5Command, { kind: 'connect' }>;

/** The handshake of one SOCKS 5 client; then its connection goes on as a tunnel. */
export class Socks5Connection implements AgentSession {
  readonly deadlineAt: number;
  readonly #services: AgentServices;
  readonly #socket: Socket;
  readonly #session: Socks5Server;
  readonly #forget: () => void;
  readonly #onData = (bytes: Buffer): void => {
    for (const command of this.#session.receive(bytes)) this.#perform(command);
  };
  readonly #onEnd = (): void => void this.#socket.destroy();

  constructor(services: AgentServices, socket: Socket) {
    const { proxyToken, limits, sessions } = services;
    this.#services = services;
    this.#socket = socket;
    this.#session = new Socks5Server(proxyToken && ((password) => proxyToken.equals(password)));
    this.deadlineAt = services.monotonicMs() + limits.headerTimeoutMs;
    this.#forget = sessions.track(this, socket);
    socket.on('data', this.#onData);
    socket.once('end', this.#onEnd);
  }

  expire(): void {
    this.#socket.destroy();
  }

  drain(): void {
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #perform(command: Socks5Command): void {
    switch (command.kind) {
      case 'send':
        this.#socket.write(command.bytes);
        return;
      case 'connect':
        this.#detach();
        return this.#connect(command);
      case 'refuse': {
        this.#detach();
        closeWith(this.#socket, command.bytes);
        this.#services.ended(new Call('CONNECT'), Outcome.OUTCOME_DENIED, FAULT_REASONS[command.fault]);
      }
    }
  }

  #detach(): void {
    this.#forget();
    this.#socket.pause();
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onEnd);
  }

  #connect({ host, port, rest }: ConnectCommand): void {
    const tunnel: Tunnel = {
      socket: this.#socket,
      call: new Call('CONNECT'),
      established: writeReply(REPLY.succeeded),
      refusal: (refusal) => writeReply(replyTo(refusal)),
    };
    let canonical: string;
    try {
      canonical = parseHost(host.text);
    } catch (cause) {
      const refusal = new Refusal('bad-request', 'the host name is malformed or ambiguous', { cause });
      return refuseTunnel(this.#services, tunnel, refusal);
    }
    const open = host.kind === 'name' ? openTunnel : openAddressTunnel;
    open(this.#services, tunnel, { host: canonical, port }, rest);
  }
}
