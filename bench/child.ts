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

/** Opening a thousand connections through a slow forwarder takes its time. */
const ANSWER_TIMEOUT_MS = 120_000;

/** The id tells a late answer from the one that is waited for. */
type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** Starts dist/bench/NAME.js with this configuration and waits for its ports. */
export async function startChild(
  name: string,
  config: unknown,
  execPath = process.execPath,
  execArgv: readonly string[] = [],
): Promise<Child> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [], {
    execPath,
    execArgv: [...execArgv],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let asked = 0;
  const ask = async (question: unknown): Promise<unknown> => {
    asked += 1;
    const answered = nextAnswer(child, name, asked);
    child.send({ id: asked, question }, () => {});
    const answer = await answered;
    if ('error' in answer) throw new Error(answer.error);
    return answer.value;
  };
  const ports = (await ask({ start: config })) as Record<string, number>;
  return { pid: child.pid ?? 0, ports, ask, stop: () => child.kill('SIGKILL') };
}

function nextAnswer(child: ChildProcess, name: string, id: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      child.removeListener('exit', exited);
      child.removeListener('message', answered);
    };
    const exited = (code: number | null): void => {
      end();
      reject(new Error(`bench program ${name} ended with ${code}`));
    };
    const answered = (message: Answer): void => {
      if (message.id !== id) return;
      end();
      resolve(message);
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`bench program ${name} has not answered for ${ANSWER_TIMEOUT_MS} ms`));
    }, ANSWER_TIMEOUT_MS);
    child.once('exit', exited);
    child.on('message', answered);
  });
}

/** The child's half: starts what `start` starts, then answers the parent's questions. */
export function serveParent<Config>(
  start: (config: Config) => Promise<Record<string, number>>,
  answer: (question: unknown) => Promise<unknown> = answerProfiling,
): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (message: { id: number; question: unknown }) => {
    const { id, question } = message;
    const begun =
      typeof question === 'object' && question !== null && 'start' in question
        ? start(question.start as Config)
        : answer(question);
    begun.then(
      (value) => process.send?.({ id, value }),
      (error: unknown) =>
        process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : 'failed' }),
    );
  });
}
