import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs this with a folder of its own, which is gone afterwards. */
export async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-test-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Folders of records in a spool folder: what is there beside signs of life. */
export function leftIn(spoolDir: string): string[] {
  return readdirSync(spoolDir).filter((name) => !name.endsWith('.alive'));
}
