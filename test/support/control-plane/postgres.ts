import { freePort } from '../free-port.ts';
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { existsSync } from 'node:fs';
import pg from 'pg';

const run = promisify(execFile);
const BIN = process.env['POSTGRES_BIN'] ?? '/usr/lib/postgresql/15/bin';

export interface TestPostgres {
  /** `postgres://` URL of an empty database of its own. */
  createDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** A program of the server's release, such as `pg_dump`. */
export const postgresProgram = (name: string): string => join(BIN, name);

/** Whether a real PostgreSQL server is on this machine. */
export const hasPostgres = existsSync(join(BIN, 'initdb'));

/** Starts a PostgreSQL server on a free loopback port, with a cluster of its own that `stop` removes. */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'sidekey-pg-'));
  const port = await freePort();
  const asUser = await serverUser(folder);
  await run(
    ...asUser([
      join(BIN, 'initdb'),
      '-D',
      `${folder}/data`,
      '-U',
      'postgres',
      '-A',
      'trust',
      '--no-sync',
      '-E',
      'UTF8',
    ]),
  );
  const [file, args] = asUser([
    join(BIN, 'postgres'),
    '-D',
    `${folder}/data`,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-k',
    folder,
    '-c',
    'fsync=off',
    '-c',
    'max_connections=60',
  ]);
  const server = spawn(file, args, { stdio: 'ignore', cwd: folder });
  const url = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;
  await untilReady(url('postgres'));
  let databases = 0;
  return {
    createDatabase: async () => {
      databases += 1;
      const name = `test_${databases}`;
      await withClient(url('postgres'), (client) => client.query(`create database ${name}`));
      return url(name);
    },
    stop: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      await run(...asUser([join(BIN, 'pg_ctl'), '-D', `${folder}/data`, '-m', 'immediate', 'stop'])).catch(() =>
        server.kill('SIGKILL'),
      );
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Command = [file: string, args: string[]];

/** The server refuses to run as root, so root hands it to the `postgres` user. */
async function serverUser(folder: string): Promise<(command: string[]) => Command> {
  if (process.getuid?.() !== 0) return ([file = '', ...args]) => [file, args];
  await chmod(folder, 0o755);
  await run('chown', ['postgres', folder]);
  return (command) => ['runuser', ['-u', 'postgres', '--', ...command]];
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

async function untilReady(url: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await withClient(url, (client) => client.query('select 1'));
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
