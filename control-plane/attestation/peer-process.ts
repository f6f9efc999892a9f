import { readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describeError, SidekeyError } from '../../common/errors.ts';
import { loadPeerCredentials } from '../../common/peer-credentials.ts';
import { AttestationError } from './trust-provider.ts';

/** What the kernel knows of the process at the other end of a unix socket. */
export interface PeerProcess {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  readonly user?: string;
  /**
   * Path of the executable, when it can be read. A hint: a process may connect and then become another program by `exec`, so
   * policy that must hold rests on `uid`.
   */
  readonly exe?: string;
}

/** Peer credentials cannot be read on this machine. */
export class PeerCredentialsError extends SidekeyError {}

/** Reads the credentials of a connected unix socket's peer. Throws AttestationError, PeerCredentialsError. */
export type PeerReader = (socket: Socket) => PeerProcess;

/** Binds SO_PEERCRED. Throws PeerCredentialsError where that cannot work, so that nobody is let in unseen. */
export function loadPeerReader(): PeerReader {
  const readCredentials = load();
  return (socket) => {
    const peer = readCredentials(socket);
    if (peer === undefined) throw new PeerCredentialsError('peer-credentials', 'the peer is not visible');
    const users = usersOf(peer.pid);
    if (users === undefined) {
      throw new AttestationError('caller-refused', 'the user name space of the process cannot be seen in /proc');
    }
    if (users !== usersOf('self')) {
      throw new AttestationError('caller-refused', 'a process in a user name space of its own gets no evidence here');
    }
    const user = userName(peer.uid);
    const exe = executable(peer.pid);
    return { ...peer, ...(user === undefined ? {} : { user }), ...(exe === undefined ? {} : { exe }) };
  };
}

function load(): ReturnType<typeof loadPeerCredentials> {
  try {
    return loadPeerCredentials('local evidence');
  } catch (cause) {
    throw new PeerCredentialsError('peer-credentials', describeError(cause), { cause });
  }
}

/**
 * Which users there are in its user name space (user_namespaces(7)). In one of its own a process has its user's number and not
 * its user's rights, as agents have it whom `sidekey run` keeps from their owner's files.
 */
function usersOf(pid: number | 'self'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/uid_map`, 'latin1');
  } catch {
    return undefined;
  }
}

function userName(uid: number): string | undefined {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
    return lines.map((entry) => entry.split(':')).find((fields) => fields[2] === String(uid))?.[0];
  } catch {
    return undefined;
  }
}

function executable(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return undefined;
  }
}
