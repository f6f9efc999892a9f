import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './until.ts';

/** A `sidekey` command that stays up, in a process of its own. */
export interface Service {
  /** What it said so far. */
  output(): string;
  /** Ends it and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts `node dist/sidekey.js ARGS`; resolves once `ready` holds. */
export async function startService(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  ready: () => boolean,
): Promise<Service> {
  const child: ChildProcess = spawn(process.execPath, ['dist/sidekey.js', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let gone = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => (output = (output + text.toString()).slice(-20_000)));
  }
  child.on('close', () => (gone = true));
  await until(`sidekey ${args[0] ?? ''} is up`, () => gone || ready(), 180_000);
  if (gone) throw new Error(`sidekey ${args[0] ?? ''} ended: ${output}`);
  return {
    output: () => output,
    end: async (signal) => {
      child.kill(signal);
      await until(`sidekey ${args[0] ?? ''} ends`, () => gone, 15_000);
    },
  };
}
