import type { Socket } from 'node:net';
import type { Authority } from '../../../common/net/host.ts';
import type { LocalTransport } from '../../http/request/destination.ts';
import type { ProxyServices } from '../../http/services.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { FirstBytes } from './first-bytes.ts';
import { Http2AgentConnection } from './http2-agent-connection.ts';
import { readPreface } from '../../protocols/opening.ts';

/** What the calls of a listener for one upstream have in common. `bound` is where it listens; undefined for a unix socket. */
export function localTransport(upstream: Authority, bound: Authority | undefined): LocalTransport {
  const ownNames =
    bound === undefined ? [{ host: 'localhost', port: 0 }] : [bound, { host: 'localhost', port: bound.port }];
  return Object.freeze({ kind: 'local', host: upstream.host, port: upstream.port, ownNames });
}

/**
 * Serves an agent that takes the listener for the upstream itself: HTTP in cleartext here, HTTP/2 with prior knowledge too
 * (as gRPC clients without TLS speak it), and TLS from here on.
 */
export function serveLocal(
  services: ProxyServices,
  sessions: AgentSessions,
  socket: Socket,
  transport: LocalTransport,
): void {
  const { clock, limits } = services;
  new FirstBytes(sessions, socket, {
    judge: readPreface,
    deadlineAt: clock.now() + limits.headerTimeoutMs,
    done: (end) => {
      if (end.kind !== 'known') return void socket.destroy();
      socket.unshift(end.bytes);
      const Connection = end.value ? Http2AgentConnection : AgentConnection;
      sessions.track(new Connection(services, socket, transport), socket);
      socket.resume();
    },
  });
}
