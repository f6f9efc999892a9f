import type { Socket } from 'node:net';
import type { Authority } from '../../common/net/host.ts';
import type { LocalTransport } from '../http/destination.ts';
import type { ProxyServices } from '../http/services.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentSessions } from './agent-sessions.ts';

/** What the calls of a listener for one upstream have in common. `bound` is where it listens; undefined for a unix socket. */
export function localTransport(upstream: Authority, bound: Authority | undefined): LocalTransport {
  const ownNames =
    bound === undefined ? [{ host: 'localhost', port: 0 }] : [bound, { host: 'localhost', port: bound.port }];
  return Object.freeze({ kind: 'local', host: upstream.host, port: upstream.port, ownNames });
}

/** Serves an agent that takes the listener for the upstream itself: HTTP in cleartext here, TLS from here on. */
export function serveLocal(
  services: ProxyServices,
  sessions: AgentSessions,
  socket: Socket,
  transport: LocalTransport,
): void {
  sessions.track(new AgentConnection(services, socket, transport), socket);
}
