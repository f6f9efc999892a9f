import type { Socket } from 'node:net';
import type { Transport } from '../../http/request/destination.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentServices } from './agent-sessions.ts';
import { Http2AgentConnection } from './http2-agent-connection.ts';

/** Serves the calls of an agent whose version of HTTP is known, and where its connection leads. */
export function serveHttp(services: AgentServices, socket: Socket, transport: Transport, speaksHttp2: boolean): void {
  const Connection = speaksHttp2 ? Http2AgentConnection : AgentConnection;
  services.sessions.track(new Connection(services, socket, transport), socket);
  socket.resume();
}
