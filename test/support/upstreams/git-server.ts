import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type HttpsServer, startHttpsServer } from './https-server.ts';
import { runProcess } from '../process.ts';

export interface GitServer extends HttpsServer {
  /** `https://localhost:PORT/project.git` */
  readonly repository: string;
  /** Status and target of every call. */
  readonly calls: readonly string[];
}

/**
 * A real repository served by `git http-backend` on real HTTPS, for one user and password (Basic). It has a file of
 * `noiseBytes` that does not shrink; `empty.git` beside it has nothing.
 */
export async function startGitServer(
  folder: string,
  user: string,
  password: string,
  noiseBytes = 400_000,
): Promise<GitServer> {
  await makeRepository(folder, noiseBytes);
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const calls: string[] = [];
  const server = await startHttpsServer(() => (request, response) => {
    const admitted = request.headers.authorization === expected;
    calls.push(`${admitted ? 200 : 401} ${request.url ?? ''}`);
    if (admitted) serveGit(folder, user, request, response);
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
  });
  return { ...server, calls, repository: `${server.url}/project.git` };
}

async function makeRepository(folder: string, noiseBytes: number): Promise<void> {
  const work = join(folder, 'work');
  await mkdir(work, { recursive: true });
  await writeFile(join(work, 'README.md'), 'hello from the repository\n');
  // Large enough that the pack comes in many pieces, and does not shrink.
  await writeFile(join(work, 'noise'), randomBytes(noiseBytes));
  const commands = [
    ['init', '--quiet', '--initial-branch=main'],
    // Time is for the transport.
    ['config', 'core.compression', '0'],
    ['add', '.'],
    ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '-m', 'First'],
    ['clone', '--quiet', '--bare', '.', '../project.git'],
    ['--git-dir=../project.git', 'config', 'http.receivepack', 'true'],
    ['--git-dir=../project.git', 'config', 'core.compression', '0'],
    ['init', '--quiet', '--bare', '../empty.git'],
    ['--git-dir=../empty.git', 'config', 'http.receivepack', 'true'],
  ];
  for (const command of commands) {
    const end = await runProcess(
      ['git', ...command],
      { PATH: process.env['PATH'], HOME: folder },
      { cwd: work, timeoutMs: 60_000 },
    );
    if (end.code !== 0) throw new Error(`git ${command[0] ?? ''}: ${end.stderr}`);
  }
}

/** git-http-backend(1) is a CGI program (RFC 3875). */
function serveGit(folder: string, user: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'https://localhost');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: header('git-protocol'),
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? '',
      CONTENT_TYPE: header('content-type'),
      CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_USER: user,
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  const onHead = (bytes: Buffer): void => {
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    child.stdout.off('data', onHead);
    let status = 200;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(': ', 2);
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  };
  child.stdout.on('data', onHead);
  response.on('close', () => child.kill());
}
