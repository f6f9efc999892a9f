import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CORPORATE_KINDS } from '../../support/upstreams/corporate-kinds.ts';
import { type CorporateProxy, PASSWORD, startHttpsProxy } from '../../support/upstreams/corporate-proxies.ts';
import { freePort } from '../../support/free-port.ts';
import { route, SECRET, type ProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';
import { afterwards, curl, keep, startWorld } from '../../support/worlds/chained-world.ts';

// The agent is curl, the proxies before the upstream are tinyproxy, squid, microsocks and Node's https server.

describe.each(CORPORATE_KINDS)('through $name', ({ present, start }) => {
  /** The world trusts its upstream by the route, and the corporate authority by configuration. */
  async function startBoth(): Promise<{ proxy: CorporateProxy; world: ProxyWorld }> {
    const { proxy, url, caPem } = await start();
    keep(proxy);
    const world = await startWorld(url, undefined, {
      ...(caPem === undefined ? {} : { config: { upstreamCaPem: caPem } }),
      routes: (upstream) => [
        route({
          hosts: ['localhost'],
          ports: [upstream.httpPort, upstream.httpsPort],
          tls: { mode: 2, caPem: upstream.caPem, serverName: '' },
        }),
      ],
    });
    return { proxy, world };
  }

  test.skipIf(!present)('curl reaches https and http upstreams, injected', async () => {
    const { proxy, world } = await startBoth();
    const { httpPort, httpsPort } = world.upstream;
    for (const url of [`https://localhost:${httpsPort}/a`, `http://localhost:${httpPort}/b`]) {
      expect(await curl(world, url)).toEqual({ status: 200, body: 'hello' });
    }
    expect(world.upstream.seen.map(({ secure, headers }) => [secure, headers.authorization])).toEqual([
      [true, `Bearer ${SECRET}`],
      [false, `Bearer ${SECRET}`],
    ]);
    world.upstream.closeConnections();
    for (const port of [httpPort, httpsPort]) {
      const named = new RegExp(`(?:localhost|127\\.0\\.0\\.1):${port}`);
      await until(`the proxy tells of port ${port}`, () => named.test(proxy.log()));
    }
    expect(world.logged()).not.toContain(PASSWORD);
  });

  test.skipIf(!present)('bodies of 3 MB pass both ways; connections are kept, sessions resumed', async () => {
    const { world } = await startBoth();
    const { upstream } = world;
    const big = Buffer.alloc(3_000_000, 'abcdefghij');
    upstream.handle(async (request, response) => {
      const { body } = await upstream.note(request);
      if (request.url === '/close') response.setHeader('connection', 'close');
      response.end(body);
    });
    const folder = mkdtempSync(join(tmpdir(), 'sidekey-body-'));
    afterwards(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'body'), big);
    for (const path of ['/close', '/keep', '/keep']) {
      const url = `https://localhost:${upstream.httpsPort}${path}`;
      const { status, body } = await curl(world, url, '--data-binary', `@${join(folder, 'body')}`);
      expect([status, body.length, body === big.toString()]).toEqual([200, big.length, true]);
    }
    expect(upstream.connections()).toBe(2);
    expect(upstream.seen.map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });
});

describe('what still holds behind an upstream proxy', () => {
  type Case = readonly [name: string, url: string, reason: string];
  const METADATA = [
    'metadata.google.internal',
    'metadata.goog',
    'metadata',
    'instance-data',
    'instance-data.ec2.internal',
    'metadata.tencentyun.com',
    'api.metadata.cloud.ibm.com',
  ];
  const REFUSED: readonly Case[] = [
    ['a private address', 'http://10.0.0.7/', 'address-refused'],
    ['a metadata address', 'http://169.254.169.254/latest/', 'address-refused'],
    ['a mapped address', 'http://[::ffff:10.0.0.7]/', 'address-refused'],
    ...METADATA.map((host): Case => [`the metadata name ${host}`, `http://${host}/`, 'address-refused']),
    ['localhost', 'http://localhost/', 'address-refused'],
    ['a name below localhost', 'http://db.localhost/', 'address-refused'],
    ['a host without a route', 'http://elsewhere.test/', 'no-route'],
  ];
  test.each(REFUSED)('%s is refused before the proxy is asked (A-26)', async (_, url, reason) => {
    const proxy = keep(await startHttpsProxy());
    const hosts = ['10.0.0.7', '169.254.169.254', ...METADATA, 'localhost', 'db.localhost'];
    const world = await startWorld(`https://localhost:${proxy.port}`, undefined, {
      config: { upstreamCaPem: proxy.caPem },
      routes: () => [route({ hosts, ports: [80], allowedAddresses: [] })],
      lookup: (host) => (host === 'db.localhost' ? ['127.0.0.1'] : undefined),
    });
    const { status, body } = await curl(world, url);
    expect([status, body]).toEqual([403, expect.stringContaining(reason)]);
    expect(proxy.log()).toBe('');
  });

  test('names are left to the proxy: nothing asks DNS for them (A-28)', async () => {
    const proxy = keep(await startHttpsProxy());
    const world = await startWorld(`https://localhost:${proxy.port}`, undefined, {
      config: { upstreamCaPem: proxy.caPem },
      routes: () => [route({ hosts: ['api.invalid'], ports: [80] })],
    });
    expect((await curl(world, 'http://api.invalid/')).status).toBe(502);
    expect(proxy.log()).toContain('CONNECT api.invalid:80');
    expect(world.lookups).toEqual(['localhost']);
  });

  test('what no-proxy names goes direct', async () => {
    const world = await startWorld(`http://127.0.0.1:${await freePort()}`, 'localhost');
    expect((await curl(world, `http://localhost:${world.upstream.httpPort}/`)).status).toBe(200);
  });

  test('the origin is verified inside the tunnel (A-40)', async () => {
    const proxy = keep(await startHttpsProxy());
    const world = await startWorld(`https://localhost:${proxy.port}`, undefined, {
      config: { upstreamCaPem: proxy.caPem },
      routes: ({ httpsPort }) => [route({ hosts: ['localhost'], ports: [httpsPort] })],
    });
    const { status, body } = await curl(world, `https://localhost:${world.upstream.httpsPort}/`);
    expect([status, body]).toEqual([502, expect.stringContaining('upstream-tls-failed')]);
    expect(world.upstream.seen).toEqual([]);
  });

  test('a proxy that is this one is refused (A-55)', async () => {
    const port = await freePort();
    const listen = { host: '127.0.0.1', port };
    const world = await startWorld(`http://127.0.0.1:${port}`, undefined, { config: { listen } });
    const { status, body } = await curl(world, `http://localhost:${world.upstream.httpPort}/`);
    expect([status, body]).toEqual([508, expect.stringContaining('loop-refused')]);
  });

  test('so is one that is named, when it is Sidekey', async () => {
    const proxy = keep(await startHttpsProxy());
    const world = await startWorld(`https://localhost:${proxy.port}`, undefined, {
      config: { upstreamCaPem: proxy.caPem, controlPlane: { address: 'cp.test:7443', caPem: '', tenant: 'default' } },
      routes: () => [route({ hosts: ['cp.test'], ports: [7443] })],
    });
    const { status, body } = await curl(world, 'http://cp.test:7443/');
    expect([status, body]).toEqual([508, expect.stringContaining('loop-refused')]);
  });

  test('unrouted tunnels go through it too', async () => {
    const proxy = keep(await startHttpsProxy());
    const world = await startWorld(`https://localhost:${proxy.port}`, undefined, {
      config: { upstreamCaPem: proxy.caPem, unrouted: 'tunnel' },
      routes: () => [],
      allowLoopback: true,
    });
    const url = `https://localhost:${world.upstream.httpsPort}/`;
    expect(await curl(world, url, '--insecure')).toEqual({ status: 200, body: 'hello' });
    expect(proxy.log()).toContain(`CONNECT localhost:${world.upstream.httpsPort}`);
  });
});
