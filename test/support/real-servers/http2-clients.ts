import { spawnSync } from 'node:child_process';
import http2 from 'node:http2';
import { join } from 'node:path';
import tls from 'node:tls';
import { connectRaw } from '../agents/raw-agent.ts';
import { byLines, type Client, curlClient, each, goClients, type Heard } from './clients.ts';

const HERE = import.meta.dirname;
const PYTHON = process.env['SIDEKEY_TEST_PYTHON'] ?? '/usr/bin/python3';

/** Where agents find the proxy, its certificate authority, and what they call by HTTPS. */
export interface Called {
  readonly proxyPort: number;
  readonly caFile: string;
  readonly caPem: string;
  readonly authority: string;
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
  const { proxyPort, authority, caFile } = called;
  if (spawnSync('curl', ['--version']).status === 0) {
    for (const version of ['--http2', '--http1.1'])
      clients.push(curlClient(proxyPort, `https://${authority}`, [version, '--cacert', caFile]));
  }
  if (spawnSync(PYTHON, ['-c', 'import httpx, h2']).status === 0) {
    clients.push(byLines('httpx', [PYTHON, join(HERE, 'http2-client.py'), String(proxyPort), authority, caFile]));
  }
  clients.push(...goClients(folder, proxyPort, authority, caFile));
  return clients;
}
