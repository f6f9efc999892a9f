import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { giveMode } from './file-mode.ts';

/**
 * Makes a folder, and those above it that are missing; one that is there stays as it is. Node's own way (`recursive`) never comes
 * back where a file system says ENOENT although the folder above is there, as /proc does. Throws the system's errors.
 */
export function makeFolder(folder: string, mode: number): void {
  const missing: string[] = [];
  for (let at = dirname(resolve(folder)); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const one of missing.reverse()) makeOne(one, mode);
  makeOne(folder, mode);
}

function makeOne(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode });
    giveMode(folder, mode);
  } catch (error) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}
