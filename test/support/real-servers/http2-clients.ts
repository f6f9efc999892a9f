import { execFile, spawnSync } from 'node:child_process';
import http2 from 'node:http2';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { connectRaw } from '../raw-agent.ts';
import { byLines, type Client, each, type Heard } from './clients.ts';

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';

/** Where agents find the proxy, its certificate authority, and what they call by HTTPS. */
export interface Called {
  readonly proxyPort: number;
  readonly caFile: string;
  readonly caPem: string;
  readonly authority: string;
}

function curl({ proxyPort, caFile, authority }: Called, version: '--http2' | '--http1.1'): Client {
  const one = ['-sS', version, '-m', '20', '-x', `http://127.0.0.1:${proxyPort}`, '--cacert', caFile];
  const told = ['-o', '-', '-w', '\n%{http_code} %{exitcode}\n--\n'];
  const hear = async (method: string, number: number): Promise<Heard[]> => {
    const call = method === 'HEAD' ? ['--head', '-o', '/dev/null', ...told.slice(2)] : ['-X', method, ...told];
    const first = [...one, ...call, `https://${authority}/answer/${number}`];
    const calls = [...first, '--next', ...one, ...told, `https://${authority}/canary/${number}`];
    const { stdout } = await promisify(execFile)('curl', calls, { encoding: 'latin1' }).catch(
      (failed: { stdout: string }) => failed,
    );
    return stdout
      .split('\n--\n')
      .slice(0, 2)
      .map((part) => {
        const at = part.lastIndexOf('\n');
        const [status, code] = part.slice(at + 1).split(' ');
        if (code !== '0') return { error: `curl ${code}` };
        return { status: Number(status), body: Buffer.from(part.slice(0, at), 'latin1').toString('base64') };
      });
  };
  return { name: `curl ${version}`, hear, close: () => {} };
}

function node({ proxyPort, caPem, authority }: Called): Client {
  let session: http2.ClientHttp2Session | undefined;
  const open = async (): Promise<http2.ClientHttp2Session> => {
    const { socket, exchange } = await connectRaw(proxyPort).then((agent) => ({
      socket: agent.socket,
      exchange: agent.exchange(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'CONNECT'),
    }));
    await exchange;
    socket.removeAllListeners('data');
    const secured = tls.connect({ socket, ca: caPem, servername: 'api.test', ALPNProtocols: ['h2'] });
    const opened = http2.connect(`https://${authority}`, { createConnection: () => secured });
    opened.on('error', () => {});
    return opened;
  };
  const ask = async (method: string, path: string): Promise<Heard> => {
    if (session === undefined || session.destroyed || session.closed) session = await open();
    const stream = session.request({ ':method': method, ':path': path }, { endStream: true });
    return new Promise((resolve) => {
      let status = 0;
      const chunks: Buffer[] = [];
      stream.on('response', (head) => (status = Number(head[':status'])));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => {});
      stream.on('close', () => {
        if (stream.rstCode > 0 || status === 0) resolve({ error: `reset ${stream.rstCode}` });
        else resolve({ status, body: Buffer.concat(chunks).toString('base64') });
      });
      stream.setTimeout(20_000, () => stream.close(8));
    });
  };
  return { name: 'node', hear: (method, number) => each(method, number, ask), close: () => session?.destroy() };
}

/** All that can be had here, by HTTP/2 over TLS; curl by HTTP/1.1 too. */
export function startHttp2Clients(called: Called, folder: string): Client[] {
  const clients = [node(called)];
  const args: [string, string, string] = [String(called.proxyPort), called.authority, called.caFile];
  if (spawnSync('curl', ['--version']).status === 0) clients.push(curl(called, '--http2'), curl(called, '--http1.1'));
  if (spawnSync(PYTHON, ['-c', 'import httpx, h2']).status === 0) {
    clients.push(byLines('httpx', [PYTHON, join(HERE, 'http2-client.py'), ...args]));
  }
  const program = join(folder, 'http2-client');
  if (spawnSync('go', ['build', '-o', program, join(HERE, 'http2-client.go')]).status === 0) {
    clients.push(byLines('go', [program, ...args]));
  }
  return clients;
}
