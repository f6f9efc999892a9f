import { rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { answers, listen, openPlace } from '../../common/folder-sockets.ts';

const SUFFIX = '.alive';

/**
 * Shows others on the same spool folder that this process lives, also while it stands still: it listens on a socket there. Gives
 * what takes the sign down. Where there can be no sockets, files that are touched must do.
 */
export async function showLife(spoolDir: string, instanceId: string): Promise<() => Promise<void>> {
  const name = instanceId + SUFFIX;
  try {
    const { handle, path } = await openPlace(spoolDir);
    try {
      const server = await listen(`${path}/${name}`);
      return async () => {
        await rm(join(spoolDir, name), { force: true }).catch(() => undefined);
        server.close();
      };
    } finally {
      await handle.close();
    }
  } catch {
    return () => Promise.resolve();
  }
}

/** Of one on another machine this says no. */
export async function showsLife(spoolDir: string, instanceId: string): Promise<boolean> {
  const { handle, path } = await openPlace(spoolDir);
  try {
    return await answers(`${path}/${instanceId}${SUFFIX}`);
  } finally {
    await handle.close();
  }
}

/** Touches one's own sign, and removes those that were not touched for so long and that nobody is behind. */
export async function tendLifeSigns(
  spoolDir: string,
  names: readonly string[],
  ownId: string,
  maxAgeMs: number,
): Promise<void> {
  const now = new Date();
  for (const name of names.filter((one) => one.endsWith(SUFFIX))) {
    const path = join(spoolDir, name);
    const id = name.slice(0, -SUFFIX.length);
    if (id === ownId) await utimes(path, now, now);
    else if (now.getTime() - (await touchedAt(path, now)) > maxAgeMs && !(await showsLife(spoolDir, id))) {
      await rm(path, { force: true });
    }
  }
}

/** One that is gone by now needs nothing. */
function touchedAt(path: string, now: Date): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => now.getTime(),
  );
}
