import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createFile, replaceFile } from '../../../control-plane/new-file.ts';
import { withFolder } from '../../support/folder.ts';

it('makes a file that its owner alone reads, and leaves one that is there', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'key');
    expect(await createFile(path, 'first')).toBe(true);
    expect(await createFile(path, 'second')).toBe(false);
    expect(await readFile(path, 'utf8')).toBe('first');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['key']);
  });
});

it('lets one of many win, and everybody reads the same', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'key');
    const won = await Promise.all(Array.from({ length: 20 }, (_, index) => createFile(path, `key ${index}`)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(`key ${won.indexOf(true)}`);
  });
});

it('replaces what a file holds', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'key');
    await writeFile(path, 'before', { mode: 0o644 });
    await replaceFile(path, 'after');
    expect(await readFile(path, 'utf8')).toBe('after');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['key']);
  });
});

it('shows no file before it is whole, so that a crash leaves none', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'key');
    const text = 'x'.repeat(8_000_000);
    let done = false;
    const making = createFile(path, text).finally(() => {
      done = true;
    });
    while (!done) {
      const seen = await stat(path).catch(() => undefined);
      if (seen !== undefined) expect(seen.size).toBe(text.length);
    }
    expect(await making).toBe(true);
  });
});
