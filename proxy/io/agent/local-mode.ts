import type { Socket } from 'node:net';
import type { Authority } from '../../../common/net/host.ts';
import type { LocalTransport } from '../../http/request/destination.ts';
import type { AgentServices } from './agent-sessions.ts';
import { FirstBytes } from './first-bytes.ts';
import { readPreface } from '../../protocols/opening.ts';
import { serveHttp } from './serve-http.ts';

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
export function serveLocal(services: AgentServices, socket: Socket, transport: LocalTransport): void {
  const { limits, sessions } = services;
  new FirstBytes(sessions, socket, {
    judge: readPreface,
    deadlineAt: services.monotonicMs() + limits.headerTimeoutMs,
    done: (end) => {
      if (end.kind !== 'known') return void socket.destroy();
      socket.unshift(end.bytes);
      serveHttp(services, socket, transport, end.value);
    },
  });
}
