import { dirname } from 'node:path';
import { SidekeyError } from '../common/errors.ts';
import { makeFolder } from '../common/folder.ts';
import { replaceFile } from '../common/replace-file.ts';

/** Writes a file of the CLI's own in one step, in a folder that is made for it. */
export function writeWhole(file: string, text: string, mode: number): void {
  try {
    makeFolder(dirname(file), 0o700);
    replaceFile(file, text, mode);
  } catch (cause) {
    throw new SidekeyError('unwritable-file', `cannot write ${file}`, { cause });
  }
}
