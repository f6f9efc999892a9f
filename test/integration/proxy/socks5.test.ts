import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { REASONS } from '../../../proto/reasons.ts';
import { Secret } from '../../../common/secret.ts';
import { type ProxyWorld, type ProxyWorldOptions, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { runProcess } from '../../support/process.ts';
import { ALERT } from '../../../proxy/io/agent/intercept-tls.ts';
import { ECH, hello, record, sni } from '../../support/protocols/client-hello.ts';
import { secureRaw } from '../../support/agents/raw-agent.ts';
import { withFolder } from '../../support/folder.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';

const TOKEN = 'a-token-of-the-proxy';
const HAS_CURL = spawnSync('curl', ['--version']).status === 0;

let world: ProxyWorld;
afterEach(() => world?.close());

const start = async (options?: ProxyWorldOptions): Promise<void> => {
  world = await startProxyWorld(options);
};
const byName = (host: string, port: number): Buffer =>
  Buffer.from([5, 1, 0, 5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]);
const byAddress = (port: number, last = 1): Buffer =>
  Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, last, port >> 8, port & 255]);
const GRANTED = Buffer.from([5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).toString('latin1');
const reasons = (): (number | undefined)[] => world.client.records.map(({ reason }) => reason);

describe('SOCKS 5 on the explicit port', () => {
  test.each(['a name', 'an address'])('to %s: TLS is intercepted and the call injected', async (kind) => {
    await start();
    const { httpsPort } = world.upstream;
    const agent = await world.agent();
    agent.send(kind === 'a name' ? byName('API.test', httpsPort) : byAddress(httpsPort, 77));
    expect(await agent.until((text) => text.length >= GRANTED.length)).toBe(GRANTED);
    const { agent: inside } = await secureRaw(agent.socket, { ca: world.proxy.caPem ?? '', servername: 'api.test' });
    const answer = await inside.exchange(`GET /v1 HTTP/1.1\r\nHost: api.test:${httpsPort}\r\n\r\n`);
    expect(answer.text).toBe('hello');
    expect(world.upstream.seen[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
    // The name is resolved here, whatever address the agent took it for.
    expect(world.lookups).toContain('api.test');
    const fronted = await inside.exchange(`GET /v1 HTTP/1.1\r\nHost: other.test:${httpsPort}\r\n\r\n`);
    expect(fronted.status).toBe(421);
  });

  test('to an address in cleartext: Host names the host, its port must be the one dialled', async () => {
    await start();
    const { httpPort } = world.upstream;
    const agent = await world.agent();
    agent.send(byAddress(httpPort, 77));
    await agent.until((text) => text.length >= GRANTED.length);
    agent.send(`GET /v1 HTTP/1.1\r\nHost: api.test:${httpPort}\r\n\r\n`);
    await agent.until((text) => text.includes('hello'));
    for (const host of ['api.test', `127.0.0.1:${httpPort}`, 'api.test:1']) {
      agent.send(`GET /v1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await agent.until((text) => text.split('HTTP/1.1 421').length > world.client.records.length - 1);
    }
    expect(world.upstream.seen).toHaveLength(1);
  });

  test.each([
    [
      'a host without a route that it may not speak for',
      { unrouted: 'deny', authority: 'issued' },
      byName('other.test', 443),
      2,
    ],
    ['a refused port', { refusedPorts: [3306] }, byName('api.test', 3306), 2],
    ['a refused port of an address', { refusedPorts: [3306] }, byAddress(3306), 2],
    ['a name that is none', {}, byName('a b', 443), 8],
    ['a tunnel to nowhere', { unrouted: 'tunnel' }, byName('nowhere.test', 443), 4],
  ] as const)('answers %s with its reply code', async (_what, config, request, reply) => {
    await start({ config });
    const agent = await world.agent();
    agent.send(request);
    const text = await agent.closed();
    expect(Buffer.from(text, 'latin1').subarray(2)).toEqual(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
    expect(world.client.records).toHaveLength(1);
  });

  test('opens no tunnel to an address that nothing could be recorded of', async () => {
    await start();
    world.client.hasRoom = false;
    const agent = await world.agent();
    agent.send(byAddress(443));
    expect(Buffer.from(await agent.closed(), 'latin1').subarray(2, 4)).toEqual(Buffer.from([5, 1]));
    expect(reasons()).toEqual([REASONS.overloaded.number]);
  });

  test('a host without a route is relayed where configuration says so', async () => {
    const echo = await startRawUpstream((socket) => void socket.pipe(socket));
    await start({ config: { unrouted: 'tunnel', limits: { maxConnectionsPerHost: 1 } }, allowLoopback: true });
    const agent = await world.agent();
    agent.send(byName('other.test', echo.port), 'ping');
    expect(await agent.until((text) => text.endsWith('ping'))).toBe(`${GRANTED}ping`);
    // What is relayed counts among the connections of its host.
    const second = await world.agent();
    second.send(byName('other.test', echo.port));
    expect((await second.closed()).length).toBe(GRANTED.length);
    expect(reasons()).toEqual([REASONS.overloaded.number]);
    agent.destroy();
    await echo.close();
  });

  test('A-10: what is relayed to an address may not hide another name in an encrypted ClientHello', async () => {
    await start({ config: { unrouted: 'tunnel' } });
    for (const [greeting, end] of [
      [hello(sni('nowhere.test'), ECH), ALERT.echRequired],
      // The same without is looked up, so that it was not refused for itself.
      [hello(sni('nowhere.test')), ALERT.unrecognizedName],
    ] as const) {
      const agent = await world.agent();
      expect(world.lookups).toEqual([]);
      agent.send(byAddress(443, 77), record(greeting));
      expect(await agent.closed()).toBe(GRANTED + end.toString('latin1'));
    }
    expect(world.lookups).toEqual(['nowhere.test']);
  });

  test('asks for the token when there is one', async () => {
    await start({ config: { proxyToken: new Secret(TOKEN) } });
    const without = await world.agent();
    without.send(byName('api.test', 443));
    expect(await without.closed()).toBe('\x05\xff');
    const wrong = await world.agent();
    wrong.send(Buffer.from([5, 1, 2, 1, 1, 97, 1, 98]));
    expect(await wrong.closed()).toBe('\x05\x02\x01\x01');
    expect(reasons()).toEqual([38, 38]);
  });

  test('SOCKS 4 is refused in its own words', async () => {
    await start();
    const agent = await world.agent();
    agent.send(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]));
    expect(Buffer.from(await agent.closed(), 'latin1')).toEqual(Buffer.from([0, 0x5b, 0, 0, 0, 0, 0, 0]));
    expect(reasons()).toEqual([80]);
  });

  test('a protocol that is not forwarded is refused inside', async () => {
    await start();
    const agent = await world.agent();
    agent.send(byName('api.test', world.upstream.httpPort), 'SSH-2.0-client\r\n');
    expect(await agent.closed()).toBe(GRANTED);
    expect(reasons()).toEqual([80]);
  });
});

test.skipIf(!HAS_CURL).each(['socks5', 'socks5h'])('curl over %s, with the token', async (scheme) => {
  await start({ config: { proxyToken: new Secret(TOKEN) } });
  const { httpsPort } = world.upstream;
  await withFolder(async (folder) => {
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, world.proxy.caPem ?? '');
    const proxy = `${scheme}://agent:${TOKEN}@127.0.0.1:${world.proxy.address.port}`;
    // With socks5 curl resolves the name by itself.
    const resolve = `api.test:${httpsPort}:127.0.0.1`;
    const url = `https://api.test:${httpsPort}/v1`;
    const { stdout, stderr } = await runProcess(
      ['curl', '-sS', '--cacert', ca, '--proxy', proxy, '--resolve', resolve, url],
      { PATH: process.env['PATH'] },
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'hello', stderr: '' });
  });
});
