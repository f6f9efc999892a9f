import { freePort } from '../free-port.ts';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../until.ts';

/** What a server makes of a path: the bytes that it goes by, each as one character. Undefined: it refuses it. */
export interface PathServer {
  read(paths: readonly string[]): Promise<(string | undefined)[]>;
  close(): void;
}

export interface KnownServer {
  readonly name: string;
  /** What it needs, when that is not here. */
  readonly missing: string | undefined;
  start(): Promise<PathServer>;
}

const PYTHON = '/usr/bin/python3';

/** nginx: `$uri`, by which it chooses a location, is the path decoded, with dots resolved and slashes merged. */
const NGINX: KnownServer = {
  name: 'nginx',
  missing: spawnSync('nginx', ['-v']).status === 0 ? undefined : 'nginx',
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sidekey-nginx-'));
    const port = await freePort();
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, nginxConfiguration(folder, port));
    const child = spawn('nginx', ['-p', folder, '-c', file, '-e', 'stderr'], { stdio: 'ignore' });
    let isUp = false;
    await until(
      'nginx listens',
      () => {
        const probe = net.connect(port, '127.0.0.1', () => (isUp = true));
        probe.on('error', () => {});
        probe.on('connect', () => probe.destroy());
        return isUp || child.exitCode !== null;
      },
      15_000,
    );
    return {
      read: (paths) => askNginx(port, paths),
      close: () => {
        child.kill('SIGKILL');
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

function nginxConfiguration(folder: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 64; }
http { access_log off; ${temporary.join(' ')} keepalive_requests 100000;
  server { listen 127.0.0.1:${port}; location / { default_type text/plain; return 200 "$uri"; } } }`;
}

/** All in one connection, pipelined; after a refusal, which closes it, in another. */
async function askNginx(port: number, paths: readonly string[]): Promise<(string | undefined)[]> {
  const readings: (string | undefined)[] = [];
  while (readings.length < paths.length) {
    const left = paths.slice(readings.length);
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(
      left
        .map((path, at) => {
          const close = at === left.length - 1 ? 'Connection: close\r\n' : '';
          return `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${close}\r\n`;
        })
        .join(''),
      'latin1',
    );
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const answers = readAnswers(Buffer.concat(chunks));
    if (answers.length === 0) throw new Error('nginx gave no answer');
    readings.push(...answers);
  }
  return readings;
}

function readAnswers(bytes: Buffer): (string | undefined)[] {
  const answers: (string | undefined)[] = [];
  for (let at = 0; at < bytes.length; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', at) + 4;
    const head = bytes.toString('latin1', at, headEnd);
    const length = Number(/\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
    answers.push(head.startsWith('HTTP/1.1 200') ? bytes.toString('latin1', headEnd, headEnd + length) : undefined);
    at = headEnd + length;
  }
  return answers;
}

/** Python's `http.server`: the file under `/` that a path stands for. A slash at the end is kept. */
const PYTHON_SERVER: KnownServer = {
  name: "Python's http.server",
  missing: spawnSync(PYTHON, ['-c', '']).status === 0 ? undefined : 'python3',
  start: async () => {
    const script = `
import sys
from http.server import SimpleHTTPRequestHandler
handler = SimpleHTTPRequestHandler.__new__(SimpleHTTPRequestHandler)
handler.directory = '/'
for line in sys.stdin:
    path = handler.translate_path(line[:-1])
    print(path.encode('utf8', 'surrogatepass').hex(), flush=False)
    sys.stdout.flush()
`;
    const child: ChildProcess = spawn(PYTHON, ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error('Python has no pipes');
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    return {
      read: async (paths) => {
        stdin.write(paths.map((path) => `${path}\n`).join(''));
        const readings: string[] = [];
        while (readings.length < paths.length) {
          const { value } = await lines.next();
          // The directory is "/", to which it adds another slash for the root itself.
          readings.push(Buffer.from(String(value), 'hex').toString('latin1').replace(/^\/\//, '/'));
        }
        return readings;
      },
      close: () => child.kill('SIGKILL'),
    };
  },
};

export const KNOWN_SERVERS: readonly KnownServer[] = [NGINX, PYTHON_SERVER];
