import { readdirSync, readFileSync } from 'node:fs';
import { Refusal } from '../refusal.ts';

/** Files, sockets among them, that this process may have open at once (proc_pid_limits(5)); undefined where nobody tells. */
export function maxOpenFiles(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** How many there are; 0 where nobody tells. */
export function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

/** What a proxy without a call has open, and some room for its log, its records and its link to the control plane. */
const OWN_FILES = 64;

/** The agent connections for which there are files: each mostly has one to an upstream. */
export function connectionsWithin(maxFiles: number): number {
  return Math.max(1, Math.floor((maxFiles - OWN_FILES) / 2));
}

/** What it means when no more may be opened, by this process or on this machine (errno(3)); undefined for any other error. */
export function outOfFiles(cause: unknown): Refusal | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'EMFILE' && code !== 'ENFILE') return undefined;
  return new Refusal('overloaded', 'the proxy may open no more files (ulimit -n)', { cause });
}
