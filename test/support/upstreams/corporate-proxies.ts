import { freePort } from '../free-port.ts';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTlsIdentity } from '../tls-identity.ts';

export const USER = 'ann';
export const PASSWORD = 'c0rporate-hunter2';
export const HAS_TINYPROXY = spawnSync('tinyproxy', ['-v']).status === 0;
export const HAS_MICROSOCKS = spawnSync('sh', ['-c', 'command -v microsocks']).status === 0;
/** Debian's plain `squid` speaks no TLS to its clients. */
export const HAS_SQUID = spawnSync('squid', ['-v']).stdout?.includes('--with-openssl') === true;

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

/** squid as an HTTPS proxy, certified for `localhost`. It writes its log when a tunnel ends. */
export async function startSquid(): Promise<CorporateProxy & { readonly caPem: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-squid-'));
  // It gives up root for a user of its own.
  chmodSync(folder, 0o777);
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  const port = await freePort();
  const file = (name: string): string => join(folder, name);
  const lines = [
    `https_port 127.0.0.1:${port} tls-cert=${file('cert.pem')} tls-key=${file('key.pem')}`,
    'http_access allow all',
    'cache deny all',
    'pid_filename none',
    'shutdown_lifetime 1 seconds',
    `access_log stdio:${file('access.log')}`,
    `cache_log ${file('cache.log')}`,
    `coredump_dir ${folder}`,
  ];
  for (const [name, text] of Object.entries({ conf: `${lines.join('\n')}\n`, 'cert.pem': cert, 'key.pem': key })) {
    writeFileSync(file(name), text, { mode: 0o644 });
  }
  const child = await startProgram(port, 'squid', ['-N', '-f', file('conf')]);
  return {
    port,
    caPem,
    log: () => readFileSync(file('access.log'), 'utf8'),
    close: () => {
      child.process.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An HTTPS proxy of Node's own server, certified for `localhost`. */
export async function startHttpsProxy(): Promise<CorporateProxy & { readonly caPem: string }> {
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  const server = https.createServer({ key, cert });
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
  return { port: (server.address() as AddressInfo).port, caPem, log: () => log, close };
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
