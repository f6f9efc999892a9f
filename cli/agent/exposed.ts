import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { findSidekeyHome, readSavedContext } from '../saved-context.ts';

/** What an agent of this user could read to act in its owner's place: the administrator's token, sealing keys, evidence. */
export interface Exposed {
  /** Real paths of folders, none within another. */
  readonly folders: readonly string[];
  /** Files outside of these folders. */
  readonly files: readonly string[];
  /** Sockets outside of them, where evidence is given to who is not isolated. */
  readonly sockets: readonly string[];
}

/** What a control plane keeps in Sidekey's folder. */
const KEEPERS = ['context.json', 'dev', 'control-plane'] as const;

/** @param files that hold a token or give evidence, as options and the environment name them */
export function findExposed(files: readonly string[]): Exposed {
  const { tokenFile } = readSavedContext();
  const home = findSidekeyHome();
  // A proxy alone leaves no more than records there.
  const holdsKeys = home !== undefined && KEEPERS.some((name) => existsSync(join(home, name)));
  const named = [...(holdsKeys ? [home] : []), ...(tokenFile === undefined ? [] : [dirname(tokenFile)])];
  const found = [...new Set(named.flatMap(readable))];
  const folders = found.filter((folder) => !found.some((other) => other !== folder && isWithin(folder, other)));
  const outside = [...new Set(files.flatMap(readable))].filter((file) => !folders.some((one) => isWithin(file, one)));
  const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  return { folders, files: outside.filter((path) => !isSocket(path)), sockets: outside.filter(isSocket) };
}

function readable(path: string): string[] {
  try {
    const real = realpathSync(resolve(path));
    accessSync(real, constants.R_OK);
    return [real];
  } catch {
    return [];
  }
}

/** Both absolute and real. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../');
}
