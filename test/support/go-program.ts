import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** How to call a program that `npm test` installs with Go, if it runs: by its name, or from Go's own folder. */
export function findGoProgram(name: string, versionOption: string): string | undefined {
  const folder = String(spawnSync('go', ['env', 'GOPATH']).stdout ?? '').trim();
  return [name, join(folder, 'bin', name)].find((program) => spawnSync(program, [versionOption]).status === 0);
}
