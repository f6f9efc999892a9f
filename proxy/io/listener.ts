import net from 'node:net';
import type { ProxyServices } from '../http/services.ts';
import { UsageError } from '../../common/errors.ts';
import { AgentConnection } from './agent-connection.ts';
import type { AgentSession } from './agent-session.ts';
import { serveConnect } from './tunnel.ts';

export interface Listener {
  readonly address: { readonly host: string; readonly port: number };
  readonly connections: ReadonlySet<AgentSession>;
  /** Closes the port and idle connections, waits for busy ones until the deadline, then closes them. */
  drain(deadlineMs: number): Promise<void>;
}

/** Listens for agents in explicit mode. @throws UsageError when the address cannot be listened on */
export async function startListener(services: ProxyServices, at: { host: string; port: number }): Promise<Listener> {
  const connections = new Set<AgentSession>();
  const sockets = new Set<net.Socket>();
  const track = (connection: AgentSession, socket: net.Socket): void => {
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (sockets.size > services.limits.maxConnections) {
      socket.destroy();
      return;
    }
    const connection = new AgentConnection(services, socket, { kind: 'explicit' }, (taken, head, rest) => {
      connections.delete(connection);
      taken.once('close', () => sockets.delete(taken));
      serveConnect(services, taken, head, rest, (inner) => track(inner, taken));
    });
    track(connection, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new UsageError('listen-failed', `cannot listen on ${at.host}:${at.port}`, { cause }));
    });
    server.listen({ host: at.host, port: at.port, backlog: 1024 }, resolve);
  });
  server.on('error', () => {});
  const bound = server.address() as net.AddressInfo;
  return {
    address: { host: bound.address, port: bound.port },
    connections,
    drain: async (deadlineMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.drain();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, deadlineMs);
      await closed;
      clearTimeout(timer);
    },
  };
}
