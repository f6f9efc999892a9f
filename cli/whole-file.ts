import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SidekeyError } from '../common/errors.ts';
import { makeFolder } from '../common/folder.ts';

/** Writes a file in one step, so that whoever reads it finds all of it or what was there before. */
export function writeWhole(file: string, text: string, mode: number): void {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    makeFolder(dirname(file), 0o700);
    writeFileSync(draft, text, { mode });
    renameSync(draft, file);
  } catch (cause) {
    // Of no use to anybody, and a retry on a full disk would leave one each time.
    rmSync(draft, { force: true });
    throw new SidekeyError('unwritable-file', `cannot write ${file}`, { cause });
  }
}
