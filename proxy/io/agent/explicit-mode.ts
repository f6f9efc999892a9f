import type { Socket } from 'node:net';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { Call } from '../../http/call.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentServices } from './agent-sessions.ts';
import { FirstBytes } from './first-bytes.ts';
import { serveConnect } from './http-connect.ts';
import { closeWith } from '../linger.ts';
import { Socks5Connection } from './socks5-connection.ts';

const SOCKS4 = 0x04;
const SOCKS5 = 0x05;
/** "Request rejected or failed" (SOCKS: A protocol for TCP proxy across firewalls, section 1). */
const SOCKS4_REJECTED = Buffer.from([0, 0x5b, 0, 0, 0, 0, 0, 0]);

/** Serves an agent that knows of the proxy: the first byte tells HTTP from SOCKS. */
export function serveExplicit(services: AgentServices, socket: Socket): void {
  new FirstBytes(services.sessions, socket, {
    judge: (bytes) => bytes[0],
    deadlineAt: services.monotonicMs() + services.limits.headerTimeoutMs,
    done: (end) => {
      if (end.kind !== 'known') return void socket.destroy();
      if (end.value === SOCKS4) return refuseSocks4(services, socket);
      // Whoever takes the bytes may hand the socket on at once, and pauses it for that.
      socket.resume();
      if (end.value !== SOCKS5) return serveProxied(services, socket, end.bytes);
      socket.unshift(end.bytes);
      new Socks5Connection(services, socket);
    },
  });
}

/** Each request may be for another host, and CONNECT asks for a tunnel. */
function serveProxied(services: AgentServices, socket: Socket, opening: Buffer): void {
  const connection = new AgentConnection(services, socket, { kind: 'explicit' }, (taken, head, rest) => {
    forget();
    serveConnect(services, taken, head, rest);
  });
  const forget = services.sessions.track(connection, socket);
  connection.receive(opening);
}

/** It carries no password, and most of its clients resolve names by themselves. */
function refuseSocks4(services: AgentServices, socket: Socket): void {
  closeWith(socket, SOCKS4_REJECTED);
  services.ended(new Call('CONNECT'), Outcome.OUTCOME_DENIED, 'protocol-refused');
}
