import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { Secret } from '../../../common/secret.ts';
import type { CorporateProxy } from '../upstreams/corporate-proxies.ts';
import { runProcess } from '../process.ts';
import { type ProxyWorld, type ProxyWorldOptions, route, startProxyWorld } from './proxy-world.ts';

/** Worlds behind a corporate proxy. What is started here ends after each test of the file that imports this. */
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

/** `localhost` is the one name that real proxies resolve to this machine. */
export async function startWorld(
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

/** Called after the test, the last one first. */
export function afterwards(end: () => unknown): void {
  ended.push(end);
}

/** Ends it after the test. */
export function keep<T extends CorporateProxy>(proxy: T): T {
  ended.push(() => proxy.close());
  return proxy;
}

/** The agent is curl; its status and its body. */
export async function curl(
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
