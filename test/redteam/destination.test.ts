import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { Question } from '../../policy-client/index.ts';
import { ask, http2Agent } from '../support/agents/http2-agent.ts';
import {
  type ProxyWorld,
  type ProxyWorldOptions,
  noteQuestions,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
afterEach(() => world.close());

/** A world that notes what policy was asked. */
async function start(options: ProxyWorldOptions = {}): Promise<Question[]> {
  world = await startProxyWorld(options);
  return noteQuestions(world);
}

/** What Node's TLS opens with. */
function captureHello(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      tls.connect({ port, host: '127.0.0.1', servername }).on('error', () => {});
    });
  });
}

/** Puts an extension behind those of a ClientHello that stands in one record, and mends the three lengths. */
function withExtension(hello: Buffer, extension: Buffer): Buffer {
  const longer = Buffer.concat([hello, extension]);
  // Record header 5, handshake header 4, version 2, random 32; then session id, cipher suites, compression methods.
  let at = 43;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  for (const length of [3, 7, at]) longer.writeUInt16BE(hello.readUInt16BE(length) + extension.length, length);
  return longer;
}

describe('A-07 fronting: names that disagree', () => {
  test('CONNECT and its Host', async () => {
    const asked = await start();
    const agent = await world.agent();
    const answer = await agent.exchange(`CONNECT api.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n`, 'CONNECT');
    expect(answer.status).toBe(421);
    expect(asked).toEqual([]);
  });

  test('CONNECT and SNI', async () => {
    await start();
    await expect(world.tlsAgent('api.test', world.upstream.httpsPort, { servername: 'other.test' })).rejects.toThrow();
    expect(world.upstream.connections()).toBe(0);
    expect(world.client.records).toHaveLength(1);
    expect(world.client.records[0]).toMatchObject({ method: 'CONNECT', outcome: 2 });
  });

  // PORT is that of the tunnel, so that the name alone disagrees.
  const HOSTS = ['other.test:PORT', '127.0.0.1:PORT', 'other.test', 'other.test:443', 'api.test:1', 'api.test'];
  test.each(HOSTS)('tunnel and Host: %s', async (host) => {
    const asked = await start();
    const { agent } = await world.tlsAgent();
    const at = host.replace('PORT', String(world.upstream.httpsPort));
    const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(answer.status).toBe(421);
    expect(asked).toEqual([]);
    expect(world.upstream.connections()).toBe(0);
  });

  test('tunnel and absolute-form target', async () => {
    const asked = await start();
    const { agent } = await world.tlsAgent();
    const host = `api.test:${world.upstream.httpsPort}`;
    const other = `other.test:${world.upstream.httpsPort}`;
    for (const target of [`https://${other}/`, 'https://other.test/', `http://${host}/`]) {
      expect((await agent.exchange(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(421);
    }
    expect((await agent.exchange(`GET https://${other}/ HTTP/1.1\r\nHost: ${other}\r\n\r\n`)).status).toBe(421);
    expect(asked).toEqual([]);
  });

  test('absolute-form and Host', async () => {
    const asked = await start();
    const agent = await world.agent();
    const { httpPort } = world.upstream;
    for (const host of [`other.test:${httpPort}`, 'other.test', 'api.test']) {
      const answer = await agent.exchange(`GET http://api.test:${httpPort}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer.status).toBe(421);
    }
    expect(asked).toEqual([]);
  });
});

test('A-08 a second Host is refused, and a stream for another authority too', async () => {
  await start();
  const at = `api.test:${world.upstream.httpsPort}`;
  const both = await world.tlsAgent('api.test', world.upstream.httpsPort, { ALPNProtocols: ['http/1.1'] });
  const answer = await both.agent.exchange(`GET / HTTP/1.1\r\nHost: ${at}\r\nHost: other.test\r\n\r\n`);
  expect(answer.status).toBe(400);
  const streams = await world.tlsAgent('api.test', world.upstream.httpsPort, { ALPNProtocols: ['h2'] });
  const session = http2Agent(streams.tls, at);
  const other = `other.test:${world.upstream.httpsPort}`;
  const disagreeing = [
    { ':authority': other },
    // Node then sends no :authority.
    { host: other },
    { ':authority': at, host: other },
    { ':authority': other, host: at },
    { ':scheme': 'http' },
  ];
  for (const headers of disagreeing) {
    expect((await ask(session, { ':path': '/', ...headers })).status).toBe(421);
  }
  session.destroy();
  expect(world.upstream.connections()).toBe(0);
});

describe('A-10 an encrypted ClientHello', () => {
  const ECH = Buffer.from('fe0d0003000000', 'hex');

  /** Opens a tunnel with these bytes, then TLS; the first octet of what comes back: 22 handshake, 21 alert (RFC 8446 5.1). */
  async function greet(opening: readonly (Buffer | string)[], serverName: string, extra = ECH): Promise<Buffer> {
    const agent = await world.agent();
    for (const bytes of opening) {
      const before = agent.received.length;
      agent.send(bytes);
      await agent.until((text) => text.length > before);
    }
    const before = agent.received.length;
    agent.send(withExtension(await captureHello(serverName), extra));
    await agent.until((text) => text.length > before);
    return agent.received.subarray(before);
  }

  test('is taken as any other where TLS ends here: browsers send one that hides nothing (RFC 9849 6.2)', async () => {
    await start();
    const at = `api.test:${world.upstream.httpsPort}`;
    const connect = `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`;
    expect((await greet([connect], 'api.test'))[0]).toBe(22);
    // Its outer name has to be that of the tunnel all the same.
    expect((await greet([connect], 'other.test'))[0]).toBe(21);
    expect(world.upstream.connections()).toBe(0);
  });

  test('is not relayed unread: another name may be in it', async () => {
    await start({ config: { unrouted: 'tunnel' }, allowLoopback: true });
    const port = Buffer.alloc(2);
    port.writeUInt16BE(world.upstream.httpsPort);
    const socks = [Buffer.from([5, 1, 0]), Buffer.concat([Buffer.from([5, 1, 0, 1, 127, 0, 0, 1]), port])];
    expect((await greet(socks, 'other.test', Buffer.alloc(0)))[0]).toBe(22);
    expect(world.upstream.connections()).toBe(1);
    // A fatal alert that says ech_required.
    expect([...(await greet(socks, 'other.test'))]).toEqual([21, 3, 3, 0, 2, 2, 121]);
    expect(world.upstream.connections()).toBe(1);
    expect(world.client.records.at(-1)).toMatchObject({ reason: 48 });
    // Where a route covers the outer name, TLS ends here.
    expect((await greet(socks, 'api.test'))[0]).toBe(22);
    expect(world.upstream.connections()).toBe(1);
  });
});

describe('A-11 paths', () => {
  test.each([
    '/a/../admin',
    '/a/%2e%2e/admin',
    '/a/.%2E/admin',
    '/./admin',
    '/..',
    '//admin',
    '/a//b',
    '/a;x=1/b',
    '/a%3bx/b',
    '/a%2fb',
    '/a%2Fb',
    '/a\\b',
    '/a%5cb',
    '/a%00b',
    '/a%0d%0aX:y',
    '/a%c0%afb',
    '/a%252e%252e/b',
    '/a%252fb',
    '/a%zz',
    '/a%2',
    '/a#fragment',
  ])('%s is refused', async (path) => {
    const asked = await start();
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', path));
    expect(answer.status).toBe(400);
    expect(asked).toEqual([]);
    expect(world.upstream.connections()).toBe(0);
  });

  test.each([
    ['/a%41%7e', '/aA~'],
    ['/%e4%bd%a0', '/%E4%BD%A0'],
    ['/a b'.replace(' ', '%20'), '/a%20b'],
    ['/..a/b..', '/..a/b..'],
    ['/a?x=/../y', '/a'],
    ['', '/'],
  ])('%s is decided on and forwarded as %s', async (path, canonical) => {
    const asked = await start();
    const agent = await world.agent();
    await agent.exchange(world.request('GET', path));
    expect(asked[0]?.path).toBe(canonical);
    expect(world.upstream.seen[0]?.target.split('?')[0]).toBe(canonical);
  });
});

describe('A-12 hosts', () => {
  test.each(['API.Test', 'api.test.', 'aPi.TEST.'])('%s is api.test', async (host) => {
    const asked = await start();
    const agent = await world.agent();
    const at = `${host}:${world.upstream.httpPort}`;
    const answer = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(answer.status).toBe(200);
    expect(asked[0]?.destination.host).toBe('api.test');
    expect(world.upstream.seen[0]?.headers.host).toBe(`api.test:${world.upstream.httpPort}`);
  });

  test.each([
    '0177.0.0.1',
    '0x7f000001',
    '0x7f.1',
    '2130706433',
    '127.1',
    'user@api.test',
    'user:pw@api.test',
    'api.test@evil.test',
    'api.test%00.evil.test',
    'api.test:80:80',
    '[::1%25lo]',
    'api..test',
    '',
  ])('%s is refused', async (host) => {
    const asked = await start({ config: { unrouted: 'observe' }, allowLoopback: true });
    const agent = await world.agent();
    const answer = await agent.exchange(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(answer.status).toBe(400);
    expect(asked).toEqual([]);
    expect(world.lookups).toEqual([]);
  });

  test('an IPv4 address in IPv6 clothes is the IPv4 address', async () => {
    await start({ config: { unrouted: 'observe' } });
    const agent = await world.agent();
    const at = `[::ffff:127.0.0.1]:${world.upstream.httpPort}`;
    const answer = await agent.exchange(`GET http://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(answer.status).toBe(403);
    expect(world.upstream.connections()).toBe(0);
  });
});

test('A-21 policy is asked about the very bytes that are forwarded', async () => {
  const asked = await start();
  const agent = await world.agent();
  const at = `API.test.:${world.upstream.httpPort}`;
  await agent.exchange(`GET HTTP://${at}/%41?Q=%41 HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  const { destination, path, method } = asked[0] ?? {};
  const [seen] = world.upstream.seen;
  expect(`${method} ${path}?Q=%41`).toBe(`${seen?.method} ${seen?.target}`);
  expect(`${destination?.host}:${destination?.port}`).toBe(seen?.headers.host);
});

describe('A-63 targets without a path', () => {
  test.each(['*', 'api', '?x', 'http:/x', '%2F'])('%s', async (target) => {
    const asked = await start();
    const { agent } = await world.tlsAgent();
    const at = `api.test:${world.upstream.httpsPort}`;
    const answer = await agent.exchange(`GET ${target} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    expect(answer.status).toBe(400);
    expect(asked).toEqual([]);
  });
});
