import { open, rm } from 'node:fs/promises';

/**
 * Makes a file that only the owner reads; a full disk must not leave half a key under the name that is read at the next
 * start. False when there is one of that name already, which stays as it is.
 */
export async function createFile(path: string, text: string): Promise<boolean> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(text);
    await file.sync();
    return true;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
