import { readFileSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describeError, SidekeyError } from '../../common/errors.ts';
import { loadPeerCredentials } from '../../common/peer-credentials.ts';

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

/** Reads the credentials of a connected unix socket's peer. */
export type PeerReader = (socket: Socket) => PeerProcess;

/** Binds SO_PEERCRED. Throws PeerCredentialsError where that cannot work, so that nobody is let in unseen. */
export function loadPeerReader(): PeerReader {
  const readCredentials = load();
  return (socket) => {
    const peer = readCredentials(socket);
    if (peer === undefined) throw new PeerCredentialsError('peer-credentials', 'the peer is not visible');
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
