import { lstatSync, rmSync } from 'node:fs';
import { listenFailed, UsageError } from './errors.ts';
import { answers } from './folder-sockets.ts';

/**
 * Removes the unix socket that a killed process left behind.
 *
 * @throws UsageError `listen-failed` when something else is there, or a process that serves it
 */
export async function removeStaleSocket(path: string): Promise<void> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new UsageError('listen-failed', `${path} exists and is not a socket`);
    if (await answers(path)) throw new UsageError('listen-failed', `another process serves ${path}`);
    rmSync(path, { force: true });
  } catch (cause) {
    throw cause instanceof UsageError ? cause : listenFailed(path, cause);
  }
}
