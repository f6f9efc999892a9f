import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootAuthority, createSigningKey, issueLeaf, publicKeySpki } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';

export const USER = 'ann';
export const PASSWORD = 'c0rporate-hunter2';
export const HAS_TINYPROXY = spawnSync('tinyproxy', ['-v']).status === 0;
export const HAS_MICROSOCKS = spawnSync('sh', ['-c', 'command -v microsocks']).status === 0;

/** A proxy between Sidekey and the upstreams. */
export interface CorporateProxy {
  readonly port: number;
  /** Everything it wrote about what it was asked for. */
  log(): string;
  close(): void;
}

/** tinyproxy: HTTP; with `auth` it asks for USER and PASSWORD. */
export async function startTinyproxy(auth: boolean, ...more: readonly string[]): Promise<CorporateProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-tinyproxy-'));
  const port = await freePort();
  const logFile = join(folder, 'log');
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 60',
    `LogFile "${logFile}"`,
    'LogLevel Connect',
    'Allow 127.0.0.1',
  ];
  if (auth) lines.push(`BasicAuth ${USER} ${PASSWORD}`);
  writeFileSync(join(folder, 'conf'), `${[...lines, ...more].join('\n')}\n`);
  writeFileSync(logFile, '', { mode: 0o666 });
  const child = await startProgram(port, 'tinyproxy', ['-d', '-c', join(folder, 'conf')]);
  return {
    port,
    log: () => readFileSync(logFile, 'utf8'),
    close: () => {
      child.process.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** microsocks: SOCKS5. */
export async function startMicrosocks(auth: boolean): Promise<CorporateProxy> {
  const port = await freePort();
  const credentials = auth ? ['-u', USER, '-P', PASSWORD] : [];
  const child = await startProgram(port, 'microsocks', ['-i', '127.0.0.1', '-p', String(port), ...credentials]);
  return { port, log: child.output, close: () => void child.process.kill() };
}

/** An HTTPS proxy of Node's own server, certified for `localhost`. */
export async function startHttpsProxy(): Promise<CorporateProxy & { readonly caPem: string }> {
  const root = createRootAuthority('corporate root');
  const key = createSigningKey();
  const now = Date.now();
  const hosts = ['localhost'];
  const leaf = issueLeaf(root, { publicKeySpki: publicKeySpki(key), hosts, now, notAfter: now + 3_600_000 });
  const server = https.createServer({ key: key.export({ type: 'pkcs8', format: 'pem' }), cert: toPem(leaf) });
  const sockets = new Set<net.Socket>();
  let log = '';
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  server.on('connect', (request, agent: net.Socket, rest: Buffer) => {
    log += `CONNECT ${request.url}\n`;
    const [host, port] = (request.url ?? '').split(':');
    const upstream = net.connect(Number(port), host, () => {
      agent.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(rest);
      upstream.pipe(agent).pipe(upstream);
    });
    sockets.add(upstream);
    for (const [one, other] of [
      [agent, upstream],
      [upstream, agent],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, caPem: toPem(root.certificateDer), log: () => log, close };
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Starts a server that is to listen on this port of 127.0.0.1, and waits until it does. */
export async function startProgram(
  port: number,
  program: string,
  args: readonly string[],
): Promise<{ process: ChildProcess; output: () => string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.on('error', () => {});
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await accepts(port)) return { process: child, output: () => output };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill();
  throw new Error(`${program} does not listen: ${output}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
