import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A bench program in a process of its own: says where it listens, and what CPU and memory it has used. */
export interface Child {
  readonly port: number;
  usage(): Promise<{ cpuUs: number; rssBytes: number }>;
  stop(): void;
}

/** Starts dist/bench/NAME.js with this configuration and waits for its port. */
export async function startChild(name: string, config: unknown): Promise<Child> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ config });
  const { port } = (await answer(child)) as { port: number };
  return {
    port,
    usage: async () => {
      child.send('usage');
      return (await answer(child)) as { cpuUs: number; rssBytes: number };
    },
    stop: () => child.kill('SIGKILL'),
  };
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const exited = (code: number | null): void => reject(new Error(`bench program ended with ${code}`));
    child.once('exit', exited);
    child.once('message', (message) => {
      child.removeListener('exit', exited);
      resolve(message);
    });
  });
}

/** The child's half: starts what `start` starts and answers the parent's questions. */
export function serveParent<Config>(start: (config: Config) => Promise<number>): void {
  process.on('message', (message: unknown) => {
    if (message === 'usage') {
      const { user, system } = process.cpuUsage();
      process.send?.({ user, system, cpuUs: user + system, rssBytes: process.memoryUsage.rss() });
      return;
    }
    start((message as { config: Config }).config).then(
      (port) => process.send?.({ port }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
