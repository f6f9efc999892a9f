import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { answerProfiling } from './profile.ts';

/** A bench program in a process of its own. Questions are asked one at a time. */
export interface Child {
  readonly pid: number;
  /** Where it listens, by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** @throws Error with the program's own message when it could not answer */
  ask(question: unknown): Promise<unknown>;
  stop(): void;
}

type Answer = { readonly value: unknown } | { readonly error: string };

/** Starts dist/bench/NAME.js with this configuration and waits for its ports. */
export async function startChild(name: string, config: unknown, execPath = process.execPath): Promise<Child> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [], {
    execPath,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = async (question: unknown): Promise<unknown> => {
    const answered = nextAnswer(child, name);
    child.send({ question });
    const answer = await answered;
    if ('error' in answer) throw new Error(answer.error);
    return answer.value;
  };
  const ports = (await ask({ start: config })) as Record<string, number>;
  return { pid: child.pid ?? 0, ports, ask, stop: () => child.kill('SIGKILL') };
}

function nextAnswer(child: ChildProcess, name: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exited = (code: number | null): void => reject(new Error(`bench program ${name} ended with ${code}`));
    child.once('exit', exited);
    child.once('message', (message) => {
      child.removeListener('exit', exited);
      resolve(message as Answer);
    });
  });
}

/** The child's half: starts what `start` starts, then answers the parent's questions. */
export function serveParent<Config>(
  start: (config: Config) => Promise<Record<string, number>>,
  answer: (question: unknown) => Promise<unknown> = answerProfiling,
): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (message: { question: unknown }) => {
    const { question } = message;
    const begun =
      typeof question === 'object' && question !== null && 'start' in question
        ? start(question.start as Config)
        : answer(question);
    begun.then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : 'failed' }),
    );
  });
}
