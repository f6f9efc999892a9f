import { randomUUID } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { giveMode } from './file-mode.ts';

/** Writes a file in one step, so that whoever reads it finds all of it or what was there before. Throws the system's errors. */
export function replaceFile(file: string, text: string, mode: number): void {
  const draft = `${file}.${randomUUID()}.tmp`;
  try {
    writeFileSync(draft, text, { mode });
    giveMode(draft, mode);
    renameSync(draft, file);
  } catch (error) {
    // Of no use to anybody, and a retry on a full disk would leave one each time.
    rmSync(draft, { force: true });
    throw error;
  }
}
