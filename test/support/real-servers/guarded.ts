import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { GUARDED_KINDS } from './guarded-kinds.ts';
import { Launch } from './launch.ts';
import { freePort } from '../free-port.ts';

/** A server whose folder `/private` tells MARKER, and what is around it does not. */
export interface GuardedServer {
  /** Whether MARKER comes under each of these targets; undefined where the server ended the connection instead. */
  tells(targets: readonly string[]): Promise<(boolean | undefined)[]>;
  close(): void;
}

const FILES = {
  'index.html': 'public',
  'public/index.html': 'public',
  'public/a.txt': 'public',
  'private/index.html': 'MARKER',
  'private/marker.txt': 'MARKER',
};
/** Servers that lose what is sent before they have answered. */
const ONE_BY_ONE = new Set(['php', 'gunicorn']);
const PATIENCE_MS = 20_000;

export const GUARDED: readonly string[] = Object.keys(GUARDED_KINDS);

export function missingForGuarded(name: string): string | undefined {
  const kind = GUARDED_KINDS[name];
  if (kind === undefined) return name;
  const [program, ...args] = kind.probe;
  return spawnSync(program, args).status === 0 ? undefined : kind.needs;
}

export async function startGuarded(name: string): Promise<GuardedServer> {
  const launch = new Launch();
  const root = join(launch.folder, 'root');
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  // Servers that give their workers to another user.
  spawnSync('chmod', ['-R', 'a+rX', launch.folder]);
  const port = await freePort();
  const place = { folder: launch.folder, root, port, behind: await freePort() };
  try {
    for (const [at, command] of GUARDED_KINDS[name]?.commands(place) ?? []) await launch.run(command, at);
  } catch (error) {
    launch.close();
    throw error;
  }
  const atOnce = ONE_BY_ONE.has(name) ? 1 : Number.POSITIVE_INFINITY;
  return { tells: (targets) => tells(port, targets, atOnce), close: () => launch.close() };
}

async function tells(port: number, targets: readonly string[], atOnce: number): Promise<(boolean | undefined)[]> {
  const told: (boolean | undefined)[] = [];
  while (told.length < targets.length) {
    const answers = await ask(port, targets.slice(told.length, told.length + atOnce));
    told.push(...(answers.length === 0 ? [undefined] : answers));
  }
  return told;
}

/** All in one connection, pipelined. */
async function ask(port: number, targets: readonly string[]): Promise<boolean[]> {
  const text = targets.map((target, at) => {
    const close = at === targets.length - 1 ? 'Connection: close\r\n' : '';
    return `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${close}\r\n`;
  });
  const received = await new Promise<string>((resolve) => {
    let all = '';
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.on('data', (piece: Buffer) => (all += piece.toString('latin1')));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(all));
    socket.write(text.join(''), 'latin1');
  });
  const answers = received.split(/(?=HTTP\/1\.[01] [1-5][0-9][0-9] )/).filter((answer) => answer.startsWith('HTTP/'));
  return answers.map((answer) => answer.includes('MARKER'));
}
