import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { Worker } from 'node:worker_threads';
import type { AgentUser } from './agent-user.ts';
import { CommandFailed, EXIT_CODES } from '../exit-codes.ts';
import type { Program } from './hidden-folders.ts';
import { stopWithAgent } from './stopped-agent.ts';

/** Signals that somebody may send to `sidekey run` and means for the agent. */
const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

/** What a terminal's keys send, to every process in its foreground. */
const FROM_KEYS: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT']);

/**
 * Runs the agent on our own standard input and outputs, as another user when one is named, without our groups then.
 *
 * @returns its exit code, or 128 + n when signal n ended it, as shells have it
 * @throws CommandFailed with 127 when there is no such program, with 126 when it cannot be run
 */
export function runAgent(
  [program, ...args]: Program,
  env: NodeJS.ProcessEnv,
  user?: Pick<AgentUser, 'uid' | 'gid'>,
): Promise<number> {
  const child = spawn(program, args, {
    stdio: 'inherit',
    env,
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  if (child.pid !== undefined) stopWithAgent(child.pid);
  const end = new Promise<number>((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return reject(cause);
      if (cause.code === 'ENOENT') reject(new CommandFailed(EXIT_CODES.notFound, `${program}: no such program`));
      else reject(new CommandFailed(EXIT_CODES.cannotRun, `cannot run ${program}`, { cause }));
    });
    child.on('close', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
  return passingSignalsOn((signal) => child.kill(signal), end);
}

/**
 * Runs it where its signals reach nothing outside, and what it has started ends with it (Linux 6.12 or newer, with koffi). In builds only:
 * from a chunk of dist/.
 */
export function runIsolatedAgent(program: Program, env: NodeJS.ProcessEnv): Promise<number> {
  const thread = new Worker(new URL('../agent-thread.js', import.meta.url), {
    workerData: { program, env },
    trackUnmanagedFds: false,
  });
  const end = new Promise<number>((resolve, reject) => {
    thread.on('message', (news: AgentNews) => {
      if ('pid' in news) stopWithAgent(news.pid);
      else resolve(news.code);
    });
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread of the agent ended before it')));
  });
  return passingSignalsOn((signal) => thread.postMessage(signal), end);
}

/** What the thread of an isolated agent tells. */
export type AgentNews = { readonly pid: number } | { readonly code: number };

function passingSignalsOn(pass: (signal: NodeJS.Signals) => void, end: Promise<number>): Promise<number> {
  const passOn = (signal: NodeJS.Signals): void => {
    // The agent got it from the terminal as well; a second one would mean "at once" to many programs.
    if (!(isatty(0) && FROM_KEYS.has(signal))) pass(signal);
  };
  // For good: one that comes when the agent has just ended finds it gone, and ends nothing of ours.
  for (const signal of PASSED_ON) process.on(signal, passOn);
  return end;
}

export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
