import { chmodSync, mkdtempSync } from 'node:fs';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import net from 'node:net';
import { join } from 'node:path';
import type { Child } from './child.ts';

/** The kinds of traffic that rows ask a forwarder to carry. All but `plain` have TLS on both sides. */
export type Lane = 'plain' | 'secure' | 'h2' | 'grpc' | 'websocket' | 'sse' | 'transparent';

/**
 * How the load reaches the upstream: straight, by absolute-form or CONNECT, at an address that stands for it, or by
 * dialling the upstream and being redirected as this user.
 */
export interface Access {
  readonly style: 'direct' | 'absolute' | 'connect' | 'reverse' | 'redirected';
  readonly port: number;
  readonly uid?: number;
}

/** One running forwarder. */
export interface Forwarder {
  readonly name: string;
  /** What counts as it: this process and its children. Undefined for the straight way, where nothing is measured. */
  readonly pid: number | undefined;
  /** The authority that its certificates chain to. */
  readonly caPem: string;
  /** Whether the credential may come back in an answer: true for all that do not scrub. */
  readonly leaks: boolean;
  /** Those that it has. */
  readonly lanes: Partial<Record<Lane, Access>>;
  /** Set for those that run in Node and can be profiled. */
  readonly child?: Child;
  stop(): void | Promise<void>;
}

/** What forwarders are started from. */
export interface BenchWorld {
  readonly folder: string;
  readonly tls: { readonly key: string; readonly cert: string };
  readonly caPem: string;
  readonly token: string;
  readonly controlPlane: { readonly address: string; readonly caPem: string; readonly tenant: string };
  readonly upstream: Readonly<Record<string, number>>;
}

/** A forwarder that can be started, again and again. */
export interface Contender {
  readonly name: string;
  /** The reason why it cannot run here, such as "not installed". */
  missing(): string | undefined;
  start(world: BenchWorld): Promise<Forwarder>;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 2_000;

/** Whether the program can be called. */
export function isInstalled(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).error === undefined;
}

/** A folder for one start of a forwarder; readable, because some give up root. */
export function ownFolder(world: BenchWorld, name: string): string {
  const folder = mkdtempSync(join(world.folder, `${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/** Below the ports that the kernel gives to clients: one that asks a port of those again and again may meet itself there. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
const PORT_TRIES = 100;

/** A port that was free a moment ago. @throws Error when none was found */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Runs a server program in the foreground until it listens on the port. @throws Error with its output when it ends */
export async function startProgram(
  program: string,
  args: readonly string[],
  port: number,
): Promise<{ pid: number; stop(): Promise<void> }> {
  // A process group of its own, so that workers and helpers can be ended with it.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  let ended: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output = (output + bytes.toString()).slice(-4000);
    });
  }
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code) => (ended = `${program} ended with ${code}`));
  const endsAt = Date.now() + START_TIMEOUT_MS;
  while (!(await listens(port))) {
    if (ended !== undefined || Date.now() > endsAt) {
      child.kill('SIGKILL');
      throw new Error(`${ended ?? `${program} does not listen`}: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { pid: child.pid ?? 0, stop: () => stopGroup(child) };
}

async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
