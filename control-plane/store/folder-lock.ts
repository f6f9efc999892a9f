import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../../common/errors.ts';
import { answers, listen, openPlace, type Place } from '../../common/folder-sockets.ts';

const PREFIX = 'sidekey-lock.';
/** Of a name that its process does not show yet. */
const DRAFT_PREFIX = `new-${PREFIX}`;
const ATTEMPTS = 8;
const LONGEST_PAUSE_MS = 40;

/**
 * Keeps a second process from opening the same embedded database, which would corrupt it. Who holds the folder listens on
 * a socket in it: the kernel knows who lives, whatever name spaces of processes the two are in, and a crash ends it.
 *
 * Everybody listens under a name of their own first and looks at the others' after. Of two at once at least one sees the
 * other, and gives way; what nobody listens on was left by a crash, and as no name is used twice it can be removed.
 * Throws UsageError `store-locked`.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const place = await openPlace(folder);
  let holder: string | undefined;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const taken = await takeAlone(place);
      if (typeof taken === 'function') {
        return async () => {
          await taken();
          await place.handle.close();
        };
      }
      holder = taken;
      // Of those who came together, the one with the shortest pause finds the folder free.
      await delay(Math.random() * LONGEST_PAUSE_MS);
    }
  } catch (error) {
    await place.handle.close();
    throw error;
  }
  await place.handle.close();
  // The other one may be in a container, which counts processes for itself.
  const who = holder === undefined ? 'another sidekey' : `another sidekey (process ${holder} where it runs)`;
  const way = 'end that one, or give this one a folder of its own (SIDEKEY_HOME for dev, --data-dir for control-plane)';
  throw new UsageError('store-locked', `the store in ${folder} is in use by ${who}: ${way}`);
}

/** What gives the folder back, or the process that has it, where it can be told. */
async function takeAlone({ path }: Place): Promise<(() => Promise<void>) | string | undefined> {
  const id = `${process.pid}.${randomUUID()}`;
  const name = `${PREFIX}${id}`;
  const draft = `${path}/${DRAFT_PREFIX}${id}`;
  const server = await listen(draft);
  const release = async (): Promise<void> => {
    await rm(`${path}/${name}`, { force: true });
    await new Promise((resolve) => server.close(resolve));
  };
  try {
    // Seen under its name only once it answers, or others would take it for one that a crash left.
    if (!(await isRenamed(draft, `${path}/${name}`))) {
      await release();
      return undefined;
    }
    const found = await readdir(path);
    for (const other of found) {
      if (!other.startsWith(PREFIX) || other === name) continue;
      if (await answers(`${path}/${other}`)) {
        await release();
        return other.split('.')[1];
      }
      await rm(`${path}/${other}`, { force: true });
    }
    // One that was killed before its name was seen. Taken from a process that only just begins, it makes that one begin anew.
    for (const left of found.filter((one) => one.startsWith(DRAFT_PREFIX))) {
      if (!(await answers(`${path}/${left}`))) await rm(`${path}/${left}`, { force: true });
    }
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

/** False when it is gone: whoever came first has taken it for one that a crash left. */
function isRenamed(from: string, to: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
