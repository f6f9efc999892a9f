import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';

/** A kernel that has not said by then whether anybody listens counts as one that says yes. */
const PROBE_MS = 2_000;

/** A folder in which sockets say who lives: the kernel knows, whatever name spaces of processes they are in. */
export interface Place {
  readonly handle: FileHandle;
  /** The folder by a short name: a socket's path has 108 bytes at most (unix(7)). */
  readonly path: string;
}

export async function openPlace(folder: string): Promise<Place> {
  const handle = await open(folder);
  return { handle, path: process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : folder };
}

export async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, 'listening');
  server.on('error', () => {});
  return server.unref();
}

/** Only a refusal says that nobody is there: one who may not ask, or whose queue is full, stays out as well. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    const timer = setTimeout(() => done(true), PROBE_MS);
    const done = (alive: boolean): void => {
      clearTimeout(timer);
      probe.destroy();
      resolve(alive);
    };
    probe.on('connect', () => done(true));
    probe.on('error', (error: NodeJS.ErrnoException) => done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}
