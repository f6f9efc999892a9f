import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lockFolder } from '../../../../control-plane/store/folder-lock.ts';
import { withFolder } from '../../../support/folder.ts';

/** What a process that was killed leaves behind: a socket that nobody listens on. */
async function leaveLock(folder: string, prefix = 'sidekey-lock.'): Promise<void> {
  const server = createServer();
  const path = join(folder, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await rename(path, join(folder, `${prefix}${randomUUID()}`));
  await new Promise((resolve) => server.close(resolve));
}

it('lets one in at a time, and leaves nothing', async () => {
  await withFolder(async (folder) => {
    const unlock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: 'store-locked',
      message: expect.stringMatching(
        new RegExp(`in use by another sidekey .process ${process.pid} .*: end that one, or `),
      ),
    });
    await unlock();
    await (await lockFolder(folder))();
    expect(await readdir(folder)).toEqual([]);
  });
});

it('lets one of several in after a crash, however they meet', { timeout: 120_000 }, async () => {
  await withFolder(async (folder) => {
    for (let round = 0; round < 15; round += 1) {
      await leaveLock(folder);
      const tries = await Promise.allSettled([lockFolder(folder), lockFolder(folder), lockFolder(folder)]);
      const held = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(held.length).toBeLessThanOrEqual(1);
      for (const unlock of held) await unlock();
    }
    await (await lockFolder(folder))();
    expect(await readdir(folder)).toEqual([]);
  });
});

it('clears away what one that was killed as it began has left, and nothing of one that lives', async () => {
  await withFolder(async (folder) => {
    await leaveLock(folder, 'new-sidekey-lock.');
    const living = createServer();
    const name = `new-sidekey-lock.${randomUUID()}`;
    await new Promise<void>((resolve) => living.listen(join(folder, name), resolve));
    const unlock = await lockFolder(folder);
    expect((await readdir(folder)).filter((one) => one.startsWith('new-'))).toEqual([name]);
    await unlock();
    await new Promise((resolve) => living.close(resolve));
    expect(await readdir(folder)).toEqual([]);
  });
});

it('locks a folder whose path is longer than that of a socket may be', async () => {
  await withFolder(async (parent) => {
    const folder = join(parent, 'f'.repeat(200));
    await mkdir(folder);
    const unlock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'store-locked' });
    await unlock();
  });
});
