import { execFile, spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import http2 from 'node:http2';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { connectRaw } from '../agents/raw-agent.ts';
import { promisify } from 'node:util';

export type Heard = { readonly status: number; readonly body: string } | { readonly error: string };

/** An agent that calls for `/answer/N`, then for `/canary/N`, on one connection where that goes on. */
export interface Client {
  readonly name: string;
  hear(method: string, number: number): Promise<readonly Heard[]>;
  close(): void;
}

const HERE = import.meta.dirname;

export function byLines(name: string, [program, ...args]: readonly [string, ...string[]]): Client {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    hear: async (method, number) => {
      child.stdin.write(`${method} ${number}\n`);
      const { value } = await lines.next();
      return JSON.parse(String(value)) as Heard[];
    },
    close: () => child.kill('SIGKILL'),
  };
}

export async function each(
  method: string,
  number: number,
  ask: (method: string, path: string) => Promise<Heard>,
): Promise<Heard[]> {
  return [await ask(method, `/answer/${number}`), await ask('GET', `/canary/${number}`)];
}

function nodeClient(proxyPort: number, authority: string): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, path: string): Promise<Heard> =>
    new Promise((resolve) => {
      const options = { agent, host: '127.0.0.1', port: proxyPort, method, path: `http://${authority}${path}` };
      const request = http.request({ ...options, headers: { host: authority }, timeout: 20_000 }, (answer) => {
        buffer(answer).then(
          (body) => resolve({ status: answer.statusCode ?? 0, body: body.toString('base64') }),
          () => resolve({ error: 'body' }),
        );
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve({ error: 'call' }));
      request.end();
    });
  return { name: 'node', hear: (method, number) => each(method, number, ask), close: () => agent.destroy() };
}

/** `more` is said for both calls, such as a version. */
export function curlClient(proxyPort: number, base: string, more: readonly string[] = []): Client {
  const one = [
    '-sS',
    ...more,
    '-m',
    '20',
    '-x',
    `http://127.0.0.1:${proxyPort}`,
    '-w',
    '\n%{http_code} %{exitcode}\n--\n',
  ];
  const hear = async (method: string, number: number): Promise<Heard[]> => {
    const call = method === 'HEAD' ? ['--head', '-o', '/dev/null'] : ['-X', method, '-o', '-'];
    const first = [...one, ...call, `${base}/answer/${number}`];
    const calls = [...first, '--next', ...one, '-o', '-', `${base}/canary/${number}`];
    const { stdout } = await promisify(execFile)('curl', calls, { encoding: 'latin1' }).catch(
      (failed: { stdout: string }) => failed,
    );
    return stdout.split('\n--\n').slice(0, 2).map(heardByCurl);
  };
  return { name: ['curl', ...more.slice(0, 1)].join(' '), hear, close: () => {} };
}

function heardByCurl(part: string): Heard {
  const at = part.lastIndexOf('\n');
  const [status, code] = part.slice(at + 1).split(' ');
  if (code !== '0') return { error: `curl ${code}` };
  return { status: Number(status), body: Buffer.from(part.slice(0, at), 'latin1').toString('base64') };
}

/** Go's client, if it can be built; by HTTP/2 over TLS where there is a file of authorities. */
export function goClients(
  folder: string,
  proxyPort: number,
  authority: string,
  ...caFile: readonly string[]
): Client[] {
  const program = join(folder, 'client');
  if (spawnSync('go', ['build', '-o', program, join(HERE, 'client.go')]).status !== 0) return [];
  return [byLines('go', [program, String(proxyPort), authority, ...caFile])];
}

function http2Client(proxyPort: number, authority: string): Client {
  let session: http2.ClientHttp2Session | undefined;
  const open = async (): Promise<http2.ClientHttp2Session> => {
    const agent = await connectRaw(proxyPort);
    await agent.exchange(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'CONNECT');
    agent.socket.removeAllListeners('data');
    const opened = http2.connect(`http://${authority}`, { createConnection: () => agent.socket });
    opened.on('error', () => {});
    return opened;
  };
  const ask = async (method: string, path: string): Promise<Heard> => {
    if (session === undefined || session.destroyed || session.closed) session = await open();
    const stream = session.request({ ':method': method, ':path': path });
    return new Promise((resolve) => {
      let status = 0;
      const chunks: Buffer[] = [];
      stream.on('response', (head) => (status = Number(head[':status'])));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => resolve({ error: 'stream' }));
      stream.on('end', () =>
        setImmediate(() =>
          resolve(
            stream.rstCode > 0 && stream.rstCode !== 8
              ? { error: 'reset' }
              : { status, body: Buffer.concat(chunks).toString('base64') },
          ),
        ),
      );
      stream.end();
    });
  };
  return { name: 'node http2', hear: (method, number) => each(method, number, ask), close: () => session?.destroy() };
}

/** All that can be had here. */
export function startClients(proxyPort: number, authority: string, folder: string): Client[] {
  const clients = [nodeClient(proxyPort, authority), http2Client(proxyPort, authority)];
  if (spawnSync('curl', ['--version']).status === 0) clients.push(curlClient(proxyPort, `http://${authority}`));
  if (spawnSync('/usr/bin/python3', ['-c', '']).status === 0) {
    clients.push(byLines('python', ['/usr/bin/python3', join(HERE, 'client.py'), String(proxyPort), authority]));
  }
  clients.push(...goClients(folder, proxyPort, authority));
  return clients;
}
