import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A program with its arguments. */
export type Program = readonly [string, ...string[]];

const UNSHARE = '/usr/bin/unshare';
/** Of the shells, bash hands on variables whose names it could not set, as in `a.b=c`; a command line would show them to everybody. */
const SHELL = existsSync('/bin/bash') ? ['/bin/bash', '-p'] : ['/bin/sh'];
const TRIAL_TIMEOUT_MS = 10_000;
/**
 * Arguments: uid, gid, working folder, number of folders, the folders, the program. Leaves the working folder first and finds
 * it again afterwards, since what stands open stays as it was. The second name space takes the power to unmount away.
 */
const SCRIPT = `set -e
uid=$1 gid=$2 back=$3 left=$4; shift 4; cd /
/bin/mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 sidekey /dev/pts
while [ "$left" -gt 0 ]; do /bin/mount -t tmpfs -o mode=0755,ro sidekey "$1"; shift; left=$((left - 1)); done
cd -- "$back"; exec ${UNSHARE} --user --map-user="$uid" --map-group="$gid" -- "$@"`;

/**
 * The program with empty folders in place of these, for it and its descendants alone, and with terminals of its own (devpts): by their
 * names it could read those of its user's other programs. Its user stays the same, but it is in a user name space of its own: it can
 * trace or enter no process outside, and setuid programs such as sudo do nothing for it.
 */
export function hideFolders(
  folders: readonly string[],
  program: Program,
  workingFolder: string = process.cwd(),
): Program {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const numbers = [uid, gid].map(String);
  const script = [...SHELL, '-c', SCRIPT, 'sidekey', ...numbers, workingFolder, String(folders.length), ...folders];
  return [UNSHARE, '--user', '--map-root-user', '--mount', '--', ...script, ...program];
}

/** Whether it works here for this user: the kernel, its settings and the tools must all agree, so it is tried. */
export function canHideFolders(folders: readonly string[]): boolean {
  // Root keeps other ways to what is hidden, and would lose its powers over everything else.
  if (process.platform !== 'linux' || process.geteuid?.() === 0) return false;
  const [command, ...args] = hideFolders(folders, ['/bin/true'], '/');
  return spawnSync(command, args, { stdio: 'ignore', env: {}, timeout: TRIAL_TIMEOUT_MS }).status === 0;
}
