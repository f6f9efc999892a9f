import { readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { SidekeyError } from '../../common/errors.ts';

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

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Int32Array) => number;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_BYTES = 12;

/** Binds `getsockopt` (Linux, through koffi). Throws PeerCredentialsError where that cannot work, so that nobody is let in unseen. */
export function loadPeerReader(): PeerReader {
  if (process.platform !== 'linux') {
    throw new PeerCredentialsError('peer-credentials', 'local evidence works on Linux only');
  }
  const getsockopt = bindGetSockOpt();
  return (socket) => {
    const fd = descriptorOf(socket);
    const ucred = Buffer.alloc(UCRED_BYTES);
    const length = Int32Array.of(UCRED_BYTES);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length) !== 0 || length[0] !== UCRED_BYTES) {
      throw new PeerCredentialsError('peer-credentials', 'SO_PEERCRED failed');
    }
    // struct ucred { pid_t pid; uid_t uid; gid_t gid; }, unix(7)
    const pid = ucred.readInt32LE(0);
    const uid = ucred.readUInt32LE(4);
    const gid = ucred.readUInt32LE(8);
    // pid 0 and uid -1 stand for a process outside our name spaces: nothing can be said of it.
    if (pid <= 0 || uid === 0xffff_ffff) throw new PeerCredentialsError('peer-credentials', 'the peer is not visible');
    const user = userName(uid);
    const exe = executable(pid);
    return { uid, gid, pid, ...(user === undefined ? {} : { user }), ...(exe === undefined ? {} : { exe }) };
  };
}

function bindGetSockOpt(): GetSockOpt {
  try {
    // An optional dependency with a native part: loaded only when local evidence is enabled.
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(path: null): { func(prototype: string): GetSockOpt };
    };
    return koffi.load(null).func('int getsockopt(int fd, int level, int name, void *value, _Inout_ int *length)');
  } catch (cause) {
    throw new PeerCredentialsError('peer-credentials', 'local evidence needs the optional package koffi', { cause });
  }
}

/** Node has no public way to a socket's descriptor; the handle's `fd` has been there since 0.x. */
function descriptorOf(socket: Socket): number {
  const fd = (socket as unknown as { _handle?: { fd?: unknown } })._handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw new PeerCredentialsError('peer-credentials', 'the socket is closed');
  return fd;
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
