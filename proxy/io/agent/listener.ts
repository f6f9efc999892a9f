import { chmodSync } from 'node:fs';
import net from 'node:net';
import { listenFailed } from '../../../common/errors.ts';
import { formatAuthority, type Authority } from '../../../common/net/host.ts';
import { removeStaleSocket } from '../../../common/stale-socket.ts';
import { SOCKET_BYTES } from '../turn.ts';
import type { AgentSessions } from './agent-sessions.ts';

/** Where to listen; port 0 picks a free one. `openToAll` lets every user of the machine connect to a unix socket. */
export type ListenAt = Authority | { readonly socketPath: string; readonly openToAll: boolean };

export interface Listener {
  /** Undefined for a unix socket. */
  readonly bound: Authority | undefined;
  /** Takes no more connections; resolves once the last one is closed. */
  close(): Promise<void>;
}

/** Listens for agents and hands their sockets on. @throws UsageError when the address cannot be listened on */
export async function startListener(
  at: ListenAt,
  sessions: AgentSessions,
  serve: (socket: net.Socket) => void,
): Promise<Listener> {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true, highWaterMark: SOCKET_BYTES }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (sessions.hold(socket)) serve(socket);
  });
  const name = 'socketPath' in at ? at.socketPath : formatAuthority(at.host, at.port);
  if ('socketPath' in at) await removeStaleSocket(at.socketPath);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenFailed(name, cause)));
    if ('socketPath' in at) server.listen({ path: at.socketPath, backlog: 1024 }, resolve);
    // One socket a family: the original destination of a mapped address could not be told from that of a real one.
    else server.listen({ host: at.host, port: at.port, backlog: 1024, ipv6Only: true }, resolve);
  });
  server.on('error', () => {});
  if ('socketPath' in at) chmodSync(at.socketPath, at.openToAll ? 0o666 : 0o600);
  const found = server.address();
  return {
    bound: typeof found === 'string' || found === null ? undefined : { host: found.address, port: found.port },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
