import { randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a file that only the owner reads. It appears under its name whole or not at all: neither a crash nor a full disk
 * leaves an empty key under the name that is read at the next start. False when there is one of that name already, which
 * stays as it is.
 */
export async function createFile(path: string, text: string): Promise<boolean> {
  if (existsSync(path)) return false;
  try {
    await withDraft(path, text, (draft) =>
      link(draft, path).catch((error: unknown) => {
        if (!LACKS_LINKS.has(codeOf(error))) throw error;
        return copyFile(draft, path, constants.COPYFILE_EXCL);
      }),
    );
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Puts this text in the place of what a file holds: a reader, and a start after a crash, finds one or the other. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await withDraft(path, text, (draft) => rename(draft, path));
}

/** What shares of other systems say about hard links. */
const LACKS_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/** Has the text on the disk, under a name that nobody else uses, before it gets its own; and that name on the disk after. */
async function withDraft(path: string, text: string, place: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
