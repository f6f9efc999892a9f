import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type CorporateProxy,
  HAS_TINYPROXY,
  PASSWORD,
  startHttpsProxy,
  startTinyproxy,
  USER,
} from '../support/upstreams/corporate-proxies.ts';
import { freePort } from '../support/free-port.ts';
import { startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { runProcess } from '../support/process.ts';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const KEY = 'sk-live-dev-0123456789abcdef';
const CREDENTIALS = { CORPORATE_TEST_VALUE: KEY };

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

interface Dev {
  /** curl through it; its version of HTTP, its status, and what was said. */
  curl(url: string): Promise<string>;
  /** All that it wrote. */
  output(): string;
}

async function startDev(
  ports: readonly number[],
  caPem: string,
  options: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Dev> {
  const home = mkdtempSync(join(tmpdir(), 'sidekey-dev-'));
  ended.push(() => rmSync(home, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(home, name), text);
    return join(home, name);
  };
  const policy = file('policy.yaml', policyFor(ports));
  const [listen, grpc, rest] = await Promise.all([freePort(), freePort(), freePort()]);
  const at = ['--listen', `127.0.0.1:${listen}`, '--grpc-listen', `127.0.0.1:${grpc}`];
  const args = ['dev', ...at, '--rest-listen', `127.0.0.1:${rest}`, '-f', policy];
  const trust = ['--upstream-ca', file('upstream-ca.pem', caPem)];
  const proxyPassword = file('password', `${PASSWORD}\n`);
  const given = options.map((option) => option.replace('{password-file}', proxyPassword));
  const base = { PATH: process.env['PATH'], SIDEKEY_HOME: home, SIDEKEY_ISOLATION: 'off', ...CREDENTIALS };
  const dev = spawn(process.execPath, [SIDEKEY, ...args, ...trust, ...given], { env: { ...base, ...env } });
  ended.push(() => stop(dev));
  let output = '';
  for (const stream of [dev.stdout, dev.stderr]) stream.on('data', (text) => (output += text));
  await new Promise<void>((resolve, reject) => {
    dev.stderr.on('data', () => {
      if (output.includes('sidekey is up')) resolve();
    });
    dev.once('close', () => reject(new Error(`sidekey dev ended: ${output}`)));
  });
  const curl = async (url: string): Promise<string> => {
    const said = ['-sS', '--max-time', '20', '-w', ' %{http_version} %{http_code}', url];
    const { stdout, stderr } = await runProcess([process.execPath, SIDEKEY, 'run', '--', 'curl', ...said], {
      ...base,
    });
    return stdout + stderr;
  };
  return { curl, output: () => output };
}

function policyFor(ports: readonly number[]): string {
  return `apiVersion: sidekey.dev/v1
kind: ServerWorkload
metadata: { name: api }
spec: { hosts: [localhost], ports: [${ports.join(', ')}], allowedAddresses: [127.0.0.1/32, "::1/128"] }
---
apiVersion: sidekey.dev/v1
kind: CredentialProvider
metadata: { name: key }
spec: { type: static, secret: { fromEnv: CORPORATE_TEST_VALUE } }
---
apiVersion: sidekey.dev/v1
kind: AccessPolicy
metadata: { name: use }
spec:
  clientWorkload: developer
  serverWorkload: api
  credentials: [{ provider: key, inject: { type: bearer } }]
`;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await closed;
}

async function startUpstream(): Promise<Awaited<ReturnType<typeof startHttp2Upstream>>> {
  const upstream = await startHttp2Upstream(['localhost'], (stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.end(headers.authorization === `Bearer ${KEY}` ? 'injected' : 'bare');
  });
  ended.push(() => upstream.close());
  return upstream;
}

function keep<T extends CorporateProxy>(proxy: T): T {
  ended.push(() => proxy.close());
  return proxy;
}

describe.skipIf(!existsSync(SIDEKEY))('sidekey dev behind a corporate proxy (needs dist/: npm run build)', () => {
  test.skipIf(!HAS_TINYPROXY)(
    'that asks for a password, which stands in a file; HTTP/2 all the way (skipped without tinyproxy)',
    async () => {
      const upstream = await startUpstream();
      const proxy = keep(await startTinyproxy(true));
      const options = ['--upstream-proxy', `http://${USER}@127.0.0.1:${proxy.port}`];
      const dev = await startDev([upstream.port], upstream.caPem, [
        ...options,
        '--upstream-proxy-password-file',
        '{password-file}',
        // Nothing goes direct: loopback would by default.
        '--upstream-no-proxy',
        'nothing.invalid',
      ]);
      expect(await dev.curl(`https://localhost:${upstream.port}/`)).toBe('injected 2 200');
      expect(proxy.log()).toContain(`localhost:${upstream.port}`);
      expect(dev.output()).not.toContain(PASSWORD);
    },
    180_000,
  );

  test('an https proxy from the environment, with what goes direct', async () => {
    const [through, direct] = [await startUpstream(), await startUpstream()];
    const proxy = keep(await startHttpsProxy());
    const dev = await startDev(
      [through.port, direct.port],
      through.caPem + direct.caPem + proxy.caPem,
      ['--upstream-proxy', 'env'],
      { HTTPS_PROXY: `https://localhost:${proxy.port}`, NO_PROXY: `localhost:${direct.port}` },
    );
    expect(await dev.curl(`https://localhost:${through.port}/`)).toBe('injected 2 200');
    expect(await dev.curl(`https://localhost:${direct.port}/`)).toBe('injected 2 200');
    expect(proxy.log()).toBe(`CONNECT localhost:${through.port}\n`);
  }, 180_000);

  test('a password among the arguments is refused before anything is started', async () => {
    const options = ['--upstream-proxy', `http://${USER}:${PASSWORD}@127.0.0.1:3128`];
    await expect(startDev([443], '', options)).rejects.toThrow('everybody can read a password there');
  }, 180_000);
});
