import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import {
  type CorporateProxy,
  freePort,
  HAS_MICROSOCKS,
  HAS_TINYPROXY,
  startHttpsProxy,
  startMicrosocks,
  startTinyproxy,
} from '../../support/corporate-proxies.ts';
import { runProcess } from '../../support/process.ts';
import { route, startProxyWorld, type ProxyWorld, type ProxyWorldOptions } from '../../support/proxy-world.ts';

// The agent is curl, the proxies before the upstream are tinyproxy, microsocks and Node's https server.
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

/** `localhost` is the one name that real proxies resolve to this machine. */
async function startWorld(
  url: string,
  noProxy = 'nothing.invalid',
  options: ProxyWorldOptions = {},
): Promise<ProxyWorld> {
  const upstreamProxy = { url: new Secret(url), noProxy };
  const world = await startProxyWorld({
    routes: ({ httpPort, httpsPort }) => [
      route({ hosts: ['localhost', '*.test', '127.0.0.1'], ports: [httpPort, httpsPort] }),
    ],
    ...options,
    config: { upstreamProxy, ...options.config },
  });
  ended.push(() => world.close());
  return world;
}

function keep<T extends CorporateProxy>(proxy: T): T {
  ended.push(() => proxy.close());
  return proxy;
}

async function curl(
  world: ProxyWorld,
  url: string,
  ...more: readonly string[]
): Promise<{ status: number; body: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-curl-'));
  ended.push(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'ca.pem'), world.proxy.caPem ?? '');
  const proxy = `http://127.0.0.1:${world.proxy.address.port}`;
  const args = [
    'curl',
    '-sS',
    '--max-time',
    '15',
    '--proxy',
    proxy,
    '--cacert',
    join(folder, 'ca.pem'),
    '-w',
    '\n%{http_code}',
    ...more,
    url,
  ];
  const { stdout, stderr } = await runProcess(args, { PATH: process.env['PATH'] });
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) + stderr };
}

describe('an upstream proxy that fails', () => {
  const closedPort = freePort;

  test.skipIf(!HAS_TINYPROXY)('with a wrong password (skipped without tinyproxy)', async () => {
    const proxy = keep(await startTinyproxy(true));
    const world = await startWorld(`http://ann:wrong-hunter2@127.0.0.1:${proxy.port}`);
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-proxy-failed')]);
    expect(body + world.logged()).not.toContain('hunter2');
  });

  test.skipIf(!HAS_MICROSOCKS)('with a wrong SOCKS5 password (skipped without microsocks)', async () => {
    const proxy = keep(await startMicrosocks(true));
    const world = await startWorld(`socks5h://ann:wrong-hunter2@127.0.0.1:${proxy.port}`);
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-proxy-failed')]);
  });

  test('that is not there', async () => {
    const world = await startWorld(`http://127.0.0.1:${await closedPort()}`);
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-proxy-failed')]);
  });

  test('whose certificate nobody trusts', async () => {
    const proxy = keep(await startHttpsProxy());
    const world = await startWorld(`https://localhost:${proxy.port}`);
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-proxy-failed')]);
    expect(proxy.log()).toBe('');
  });

  test.skipIf(!HAS_TINYPROXY)('that does not allow the port (skipped without tinyproxy)', async () => {
    const proxy = keep(await startTinyproxy(false, 'ConnectPort 443'));
    const world = await startWorld(`http://127.0.0.1:${proxy.port}`);
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-proxy-refused')]);
  });

  test.skipIf(!HAS_TINYPROXY)('whose upstream is closed (skipped without tinyproxy)', async () => {
    const proxy = keep(await startTinyproxy(false));
    const port = await closedPort();
    const world = await startWorld(`http://127.0.0.1:${proxy.port}`, undefined, {
      routes: () => [route({ hosts: ['localhost'], ports: [port] })],
    });
    const { status, body } = await curl(world, `http://localhost:${port}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('connect-failed')]);
  });
});
