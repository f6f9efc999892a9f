/**
 * The thread that starts an isolated agent. Landlock binds this thread and what it starts, and the kernel judges a process by its first
 * thread: from inside, our own process is one outside.
 */
import { spawn } from 'node:child_process';
import { parentPort, workerData } from 'node:worker_threads';
import type { Program } from './hidden-folders.ts';
import { type AgentNews, exitCodeOf } from './run-agent.ts';
import { guardSignals } from './signal-guard.ts';

const { program, env } = workerData as { readonly program: Program; readonly env: NodeJS.ProcessEnv };
const [file, ...args] = program;
const isGuarded = await guardSignals();
const child = spawn(file, args, { stdio: 'inherit', env });
const tell = (news: AgentNews): void => parentPort?.postMessage(news);
if (child.pid !== undefined) tell({ pid: child.pid });
parentPort?.on('message', (signal: NodeJS.Signals) => child.kill(signal));
child.on('error', (cause) => {
  throw cause;
});
child.on('close', (code, signal) => {
  if (isGuarded) endAllWithin();
  tell({ code: exitCodeOf(code, signal) });
  parentPort?.close();
});

/** What the agent left running would go on reading the terminal. -1 is all that this thread may signal, but its own process. */
function endAllWithin(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch {
    // There is nothing.
  }
}
