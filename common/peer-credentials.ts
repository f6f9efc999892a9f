import type { Socket } from 'node:net';
import { loadSocketOptions } from './socket-options.ts';

/** Who is at the other end of a unix socket, as the kernel noted it when the connection was made. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_BYTES = 12;

/**
 * Reads SO_PEERCRED (unix(7)) of connected unix sockets; undefined for a process outside our name spaces, of which nothing can
 * be said.
 *
 * @throws SocketOptionError where that cannot work, so that nobody is let in unseen
 */
export function loadPeerCredentials(purpose: string): (socket: Socket) => PeerCredentials | undefined {
  const read = loadSocketOptions(purpose);
  return (socket) => {
    // struct ucred { pid_t pid; uid_t uid; gid_t gid; }
    const ucred = read(socket, SOL_SOCKET, SO_PEERCRED, UCRED_BYTES);
    if (ucred === undefined) return undefined;
    const pid = ucred.readInt32LE(0);
    return pid === 0 ? undefined : { pid, uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
  };
}
