import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../common/errors.ts';

/**
 * Keeps a second process from opening the same embedded database, which would corrupt it. The lock names the process
 * and its start time, so that a lock left by a crash, or by an equal process id in a container, does not count.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'sidekey.lock');
  const mine = `${process.pid} ${await startTime(process.pid)}`;
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      await writeFile(path, mine, { flag: 'wx', mode: 0o600 });
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const holder = await readFile(path, 'utf8').catch(() => '');
      if (await isAlive(holder)) {
        throw new UsageError('store-locked', `the store in ${folder} is in use by process ${holder.split(' ')[0]}`);
      }
      await rm(path, { force: true });
    }
  }
  throw new UsageError('store-locked', `the store in ${folder} is in use`);
}

async function isAlive(holder: string): Promise<boolean> {
  const [pid, started] = holder.split(' ');
  if (pid === undefined || !/^[1-9]\d*$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return started === (await startTime(Number(pid)));
}

/** Field 22 of /proc/PID/stat; empty where there is no /proc, so that a living process id alone counts. */
async function startTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
