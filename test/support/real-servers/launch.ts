import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Command = readonly [string, ...string[]];

/** Servers that other programs are, and the folder in which they stand. */
export class Launch {
  readonly folder = mkdtempSync(join(tmpdir(), 'sidekey-real-'));
  readonly #stops: (() => void)[] = [];
  readonly #onExit = (): void => this.close();

  constructor() {
    process.on('exit', this.#onExit);
  }

  /** Until it takes connections; what it says is told line by line. */
  async run([program, ...args]: Command, port: number, onLine: (line: string) => void = () => {}): Promise<void> {
    // As a group of its own: some servers have workers.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true, cwd: this.folder });
    this.#stops.push(() => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {}
    });
    child.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', onLine);
    const end = performance.now() + 60_000;
    while (!(await takesConnections(port))) {
      if (performance.now() > end || child.exitCode !== null || child.pid === undefined) {
        throw new Error(`${program} does not listen`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const stop of this.#stops) stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(port, '127.0.0.1', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}
