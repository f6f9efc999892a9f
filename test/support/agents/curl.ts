import { type ChildProcess, spawn } from 'node:child_process';
import { runProcess } from '../process.ts';
import type { World } from '../worlds/world.ts';

/** One call with curl straight through the proxy: the status and the body. */
export async function curl(
  world: World,
  target: string,
  ...more: readonly string[]
): Promise<{ status: number; body: string }> {
  const { stdout, stderr } = await runProcess(
    [...command(world), '-w', '\n%{http_code}', ...more, world.api.url + target],
    {
      PATH: process.env['PATH'],
    },
  );
  const end = stdout.lastIndexOf('\n');
  const status = Number(stdout.slice(end + 1));
  return { status, body: status === 0 ? stderr : stdout.slice(0, end) };
}

export interface LiveStream {
  bytes(): number;
  /** When it ended, by performance.now(). */
  endedAt(): number | undefined;
  kill(): void;
}

/** Reads an endless answer with curl. */
export function curlStream(world: World): LiveStream {
  const [program = '', ...args] = command(world);
  const child: ChildProcess = spawn(program, [...args, '--no-buffer', `${world.api.url}/v1/stream`], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let bytes = 0;
  let endedAt: number | undefined;
  child.stdout?.on('data', (chunk: Buffer) => (bytes += chunk.length));
  child.on('close', () => (endedAt = performance.now()));
  return { bytes: () => bytes, endedAt: () => endedAt, kill: () => child.kill() };
}

function command(world: World): string[] {
  return ['curl', '--silent', '--show-error', '--proxy', world.proxyUrl, '--cacert', world.proxyCaFile];
}
