import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** A stop that came from the terminal's key reached us as well, and is over when we run again. */
const SURE_MS = 50;

/**
 * An agent that stops itself alone, as programs do that read Ctrl-Z as a key, and shells at `suspend`, would leave the shell outside
 * waiting for us: so all in our process group are stopped as the key would have, and it goes on when we do.
 */
export function stopWithAgent(pid: number): void {
  // Not by `process.stdin`: that would have its file never block, which is the agent's as well.
  if (!isatty(0)) return;
  process.on('SIGCHLD', () => {
    if (!isStopped(pid)) return;
    setTimeout(() => {
      if (isStopped(pid)) process.kill(0, 'SIGTSTP');
    }, SURE_MS);
  });
  process.on('SIGCONT', () => {
    if (isStopped(pid)) process.kill(pid, 'SIGCONT');
  });
}

/** By proc(5): what follows the name, which may hold anything. */
function isStopped(pid: number): boolean {
  try {
    return /\) T [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
