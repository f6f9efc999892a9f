import { chmodSync, statSync } from 'node:fs';

/**
 * Gives what was just made the part of its mode that the umask took: other users need it. Whatever else it has, such as the
 * group of the folder above, stays. Throws the system's errors.
 */
export function giveMode(path: string, mode: number): void {
  const made = statSync(path).mode & 0o7777;
  // File systems without modes refuse to change them.
  if ((made & mode) !== mode) chmodSync(path, made | mode);
}
