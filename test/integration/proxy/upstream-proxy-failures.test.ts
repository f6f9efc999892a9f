import { describe, expect, test } from 'vitest';
import {
  HAS_MICROSOCKS,
  HAS_TINYPROXY,
  startHttpsProxy,
  startMicrosocks,
  startTinyproxy,
} from '../../support/upstreams/corporate-proxies.ts';
import { freePort } from '../../support/free-port.ts';
import { route } from '../../support/worlds/proxy-world.ts';
import { curl, keep, startWorld } from '../../support/worlds/chained-world.ts';

// The agent is curl, the proxies before the upstream are tinyproxy, microsocks and Node's https server.

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
