import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROXIES } from './proxies.ts';

/** A request as a server understood it. */
export interface Understood {
  readonly method: string;
  /** As it came; or decoded, where the server tells nothing else. */
  readonly target?: string;
  readonly path?: string;
  readonly host: string | null;
  readonly case: string | null;
  /** Base64; missing where the server left it unread. */
  readonly body?: string;
}

export interface RealServer {
  readonly port: number;
  /** What it understood, in order. */
  readonly seen: Understood[];
  close(): void;
}

type Command = readonly [string, ...string[]];

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';
const JARS = '/usr/share/java';
const TOMCAT = ['tomcat10-embed-core', 'tomcat10-embed-el', 'tomcat10-annotations-api'];
const JETTY = ['jetty9-server', 'jetty9-http', 'jetty9-io', 'jetty9-util', 'servlet-api'];

function java(main: string, jars: readonly string[]): (port: number, folder: string) => Command {
  const path = jars.map((jar) => `${JARS}/${jar}.jar`).join(':');
  return (port, folder) => {
    spawnSync('javac', ['-d', folder, '-cp', path, join(HERE, `${main}.java`)]);
    return ['java', '-XX:TieredStopAtLevel=1', '-cp', `${folder}:${path}`, main, String(port), folder];
  };
}

const python =
  (name: string) =>
  (port: number): Command => [PYTHON, join(HERE, 'echo.py'), name, String(port)];
const ruby =
  (name: string) =>
  (port: number): Command => ['ruby', join(HERE, 'echo.rb'), name, String(port)];

const node = (port: number): Command => [process.execPath, join(HERE, 'echo.mjs'), String(port)];

const ECHOING: Readonly<Record<string, (port: number, folder: string) => Command>> = {
  node,
  go: (port, folder) => {
    spawnSync('go', ['build', '-o', join(folder, 'echo'), join(HERE, 'echo.go')]);
    return [join(folder, 'echo'), String(port)];
  },
  'http.server': python('http.server'),
  'gunicorn sync': python('gunicorn sync'),
  'gunicorn gthread': python('gunicorn gthread'),
  'uvicorn h11': python('uvicorn h11'),
  'uvicorn httptools': python('uvicorn httptools'),
  hypercorn: python('hypercorn'),
  waitress: python('waitress'),
  cheroot: python('cheroot'),
  tornado: python('tornado'),
  aiohttp: python('aiohttp'),
  twisted: python('twisted'),
  puma: ruby('puma'),
  webrick: ruby('webrick'),
  php: (port) => ['php', '-q', '-S', `127.0.0.1:${port}`, join(HERE, 'echo.php')],
  tomcat: java('TomcatEcho', TOMCAT),
  jetty: java('JettyEcho', JETTY),
};

export const SERVERS: readonly string[] = [...Object.keys(ECHOING), ...Object.keys(PROXIES)];

export async function startRealServer(name: string): Promise<RealServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-real-'));
  const port = await freePort();
  const seen: Understood[] = [];
  const stops: (() => void)[] = [];
  const run = async ([program, ...args]: Command, at: number): Promise<void> => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true, cwd: folder });
    stops.push(() => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {}
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('{')) seen.push(JSON.parse(line) as Understood);
    });
    await listening(at, () => child.exitCode);
  };
  const close = (): void => {
    for (const stop of stops) stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const echoing = ECHOING[name];
    const forwarding = PROXIES[name];
    if (echoing !== undefined) await run(echoing(port, folder), port);
    else if (forwarding !== undefined) {
      const backend = await freePort();
      await run(node(backend), backend);
      await run(forwarding({ folder, port, backend }), port);
    }
  } catch (error) {
    close();
    throw error;
  }
  return { port, seen, close };
}

async function listening(port: number, exitCode: () => number | null): Promise<void> {
  const end = performance.now() + 60_000;
  for (;;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const probe = net.connect(port, '127.0.0.1', () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => resolve(false));
    });
    if (isUp) return;
    if (performance.now() > end || exitCode() !== null) throw new Error('the server does not listen');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
