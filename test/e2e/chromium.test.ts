import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../support/process.ts';
import { type ProxyWorld, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';

// Browser agents: Chromium greases the encrypted ClientHello in every handshake (RFC 9849 6.2).
const hasBrowser =
  spawnSync('chromium', ['--version']).status === 0 && spawnSync('certutil', ['-H']).error === undefined;

describe.skipIf(!hasBrowser)('Chromium (it needs chromium, libnss3-tools)', () => {
  let world: ProxyWorld;
  let home: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    world = await startProxyWorld();
    home = await mkdtemp(join(tmpdir(), 'sidekey-chromium-'));
    env = { PATH: process.env['PATH'], HOME: home };
    const store = join(home, '.pki/nssdb');
    await mkdir(store, { recursive: true });
    await writeFile(join(home, 'ca.pem'), world.proxy.caPem ?? '');
    const certutil = (...args: string[]) => runProcess(['certutil', '-d', `sql:${store}`, ...args], env);
    expect(await certutil('-N', '--empty-password')).toMatchObject({ code: 0 });
    expect(await certutil('-A', '-t', 'C,,', '-n', 'sidekey', '-i', join(home, 'ca.pem'))).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await world.close();
    await rm(home, { recursive: true, force: true });
  });

  test('opens a page by HTTPS, trusting our authority as any other', async () => {
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const proxy = `--proxy-server=http://127.0.0.1:${world.proxy.address.port}`;
    const url = `https://api.test:${world.upstream.httpsPort}/page`;
    const { stdout } = await runProcess(['chromium', ...flags, proxy, '--dump-dom', url], env, { timeoutMs: 90_000 });
    expect(stdout).toContain('hello');
    expect(world.upstream.seen.find(({ target }) => target === '/page')?.headers.authorization).toBe(
      `Bearer ${SECRET}`,
    );
  }, 120_000);
});
