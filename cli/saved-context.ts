import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../common/errors.ts';
import { writeWhole } from './whole-file.ts';

/** Where a control plane on this machine can be found; never holds the token itself. */
export interface SavedContext {
  readonly server: string;
  readonly grpc: string;
  readonly caFile: string;
  readonly tokenFile: string;
  readonly tenant: string;
}

/** Folder for state on this machine: SIDEKEY_HOME, or ~/.sidekey; a user of no HOME and no entry in passwd may have none. */
export function findSidekeyHome(): string | undefined {
  try {
    return process.env['SIDEKEY_HOME'] || join(homedir(), '.sidekey');
  } catch {
    return undefined;
  }
}

/** @throws UsageError when this user has none */
export function sidekeyHome(): string {
  const home = findSidekeyHome();
  if (home === undefined) throw new UsageError('no-home', 'this user has no home folder: set SIDEKEY_HOME');
  return home;
}

/** The file in which `sidekey dev` and `sidekey control-plane` leave where they can be found. */
export function contextFile(home: string = sidekeyHome()): string {
  return join(home, 'context.json');
}

/** Leaves the context for other commands on this machine. */
export function writeContext(file: string, context: SavedContext): void {
  writeWhole(file, `${JSON.stringify(context, undefined, 2)}\n`, 0o600);
}

/**
 * What a control plane on this machine left behind. @throws UsageError when it cannot be read
 * @param dispensable - Another user's, which this one may not read, is as good as none.
 */
export function readSavedContext(dispensable = false): Readonly<Record<string, string>> {
  const home = findSidekeyHome();
  if (home === undefined) return {};
  const file = contextFile(home);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || (code === 'EACCES' && dispensable)) return {};
    throw new UsageError('bad-context', `no control plane is named, and ${file} cannot be read`, { cause });
  }
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) return {};
    return Object.fromEntries(
      Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch (cause) {
    throw new UsageError('bad-context', `cannot read ${file}; remove it or mend it`, { cause });
  }
}
