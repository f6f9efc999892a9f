import { readFileSync } from 'node:fs';

/** Files, sockets among them, that this process may have open at once (proc_pid_limits(5)); undefined where nobody tells. */
export function maxOpenFiles(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
