import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { SidekeyError } from './errors.ts';

/** A socket option cannot be read on this machine, or for this socket. */
export class SocketOptionError extends SidekeyError {}

/** Reads `size` bytes of one option of a connected socket; undefined when the kernel refuses. */
export type SocketOptionReader = (socket: Socket, level: number, name: number, size: number) => Buffer | undefined;

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Int32Array) => number;

/**
 * Binds getsockopt(2), which Node lacks, through koffi (Linux). `purpose` names in the error what cannot work without it.
 *
 * @throws SocketOptionError `not-linux` or `koffi-missing`
 */
export function loadSocketOptions(purpose: string): SocketOptionReader {
  if (process.platform !== 'linux') throw new SocketOptionError('not-linux', `${purpose} works on Linux only`);
  const getsockopt = bind(purpose);
  return (socket, level, name, size) => {
    const value = Buffer.alloc(size);
    const length = Int32Array.of(size);
    const status = getsockopt(descriptorOf(socket), level, name, value, length);
    return status === 0 && length[0] === size ? value : undefined;
  };
}

function bind(purpose: string): GetSockOpt {
  try {
    // An optional dependency with a native part: loaded only by what needs it.
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(path: null): { func(prototype: string): GetSockOpt };
    };
    return koffi.load(null).func('int getsockopt(int fd, int level, int name, void *value, _Inout_ int *length)');
  } catch (cause) {
    throw new SocketOptionError('koffi-missing', `${purpose} needs the optional package koffi`, { cause });
  }
}

/** Node has no public way to a socket's descriptor; the handle's `fd` has been there since 0.x. */
function descriptorOf(socket: Socket): number {
  const fd = (socket as unknown as { _handle?: { fd?: unknown } })._handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw new SocketOptionError('socket-closed', 'the socket is closed');
  return fd;
}
