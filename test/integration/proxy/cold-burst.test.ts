import https from 'node:https';
import type http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { type ProxyWorld, route, routeTo, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { until } from '../../support/until.ts';

/** Calls to a host of which nothing is known yet, all at once; the servers are Node's own. */
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function startWorld(
  port: number,
  caPem: string,
  limits: Partial<{ tlsHandshakeTimeoutMs: number }> = {},
): Promise<{ world: ProxyWorld; burst: (count: number) => Promise<string[]> }> {
  const world = await startProxyWorld({
    config: { limits },
    routes: () => [routeTo({ port, caPem })],
  });
  ended.push(() => world.close());
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['h2'] });
  const agent = http2Agent(tls, `localhost:${port}`);
  ended.push(() => agent.destroy());
  const burst = async (count: number): Promise<string[]> => {
    const asked = Array.from({ length: count }, (_, at) => ask(agent, { ':path': `/${at}` }));
    return (await Promise.all(asked)).map(({ status, body }) => `${status} ${body.toString()}`);
  };
  return { world, burst };
}

interface HttpsUpstream {
  readonly port: number;
  readonly caPem: string;
  readonly connections: () => number;
  /** Connections that come from now on are accepted and left alone. */
  stall(on: boolean): void;
}

/** Speaks HTTP/1.1 alone. */
async function startHttps(): Promise<HttpsUpstream> {
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  const server = https.createServer({ key, cert, keepAliveTimeout: 60_000 }, (_, response) => response.end('one'));
  let accepted = 0;
  let stalling = false;
  const sockets = new Set<net.Socket>();
  const front = net.createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    if (!stalling) server.emit('connection', socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  ended.push(() => {
    front.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = front.address() as AddressInfo;
  return { port, caPem, connections: () => accepted, stall: (on) => void (stalling = on) };
}

const hello = (stream: http2.ServerHttp2Stream): void => {
  stream.respond({ ':status': 200 });
  stream.end('two');
};

test('a cold burst shares the first connection when that turns out to speak HTTP/2', async () => {
  const upstream = await startHttp2Upstream(['localhost'], hello);
  ended.push(() => upstream.close());
  const { burst } = await startWorld(upstream.port, upstream.caPem);
  expect(new Set(await burst(60))).toEqual(new Set(['200 two']));
  expect([upstream.seen.length, upstream.connections()]).toEqual([60, 1]);
});

test('no more streams than the upstream takes: what is left shares the next connection', async () => {
  // Answers late, so that streams are open at the same time.
  const slow = (stream: http2.ServerHttp2Stream): void => void setTimeout(() => hello(stream), 200);
  const options = { settings: { maxConcurrentStreams: 20 } };
  const upstream = await startHttp2Upstream(['localhost'], slow, options);
  ended.push(() => upstream.close());
  const { burst } = await startWorld(upstream.port, upstream.caPem);
  expect(new Set(await burst(50))).toEqual(new Set(['200 two']));
  expect([upstream.seen.length, upstream.connections()]).toEqual([50, 3]);
});

test('a cold burst to a host that speaks HTTP/1.1 dials on, and nobody waits for the version again', async () => {
  const upstream = await startHttps();
  const { world, burst } = await startWorld(upstream.port, upstream.caPem);
  expect(new Set(await burst(12))).toEqual(new Set(['200 one']));
  const before = upstream.connections();
  expect(before).toBeLessThanOrEqual(12);
  // Every connection is checked anew.
  world.client.setRoutes([...world.client.routes()]);
  upstream.stall(true);
  burst(1).catch(() => {});
  await until('the first one is stuck', () => upstream.connections() === before + 1);
  upstream.stall(false);
  expect(new Set(await burst(5))).toEqual(new Set(['200 one']));
});

test('a first connection that comes to nothing fails those who waited for it, in its own time and as clearly', async () => {
  const upstream = await startHttps();
  const { burst } = await startWorld(upstream.port, upstream.caPem, { tlsHandshakeTimeoutMs: 1_000 });
  upstream.stall(true);
  const answers = await burst(10);
  expect(answers.every((answer) => answer.startsWith('504') && answer.includes('connect-timeout'))).toBe(true);
  expect(upstream.connections()).toBe(1);
  upstream.stall(false);
  expect(await burst(1)).toEqual(['200 one']);
});

test('an upstream that chose HTTP/2 and keeps its settings to itself is given up, with all who waited for them', async () => {
  const { key, cert, caPem } = makeTlsIdentity(['localhost']);
  const sockets = new Set<net.Socket>();
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  const { burst } = await startWorld(port, caPem, { tlsHandshakeTimeoutMs: 1_000 });
  const answers = await burst(5);
  expect(answers.every((answer) => answer.startsWith('504') && answer.includes('upstream-timeout'))).toBe(true);
  expect(sockets.size).toBe(1);
});

test('calls under changed routes do not wait for what is dialled under the old ones', async () => {
  const upstream = await startHttps();
  const { world, burst } = await startWorld(upstream.port, upstream.caPem);
  upstream.stall(true);
  burst(3).catch(() => {});
  await until('the first one is stuck', () => upstream.connections() === 1);
  upstream.stall(false);
  world.client.setRoutes([...world.client.routes()]);
  expect(await burst(1)).toEqual(['200 one']);
});

test('A-27 a call that was decided under old routes leaves no connection to those under new ones', async () => {
  const upstream = await startHttps();
  const { world, burst } = await startWorld(upstream.port, upstream.caPem);
  const { decide } = world.client;
  let go = (): void => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  world.client.decide = async (question) => {
    await held;
    return decide(question);
  };
  const first = burst(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  world.client.decide = decide;
  // The new route does not trust this upstream any more.
  world.client.setRoutes([route({ hosts: ['localhost'], ports: [upstream.port] })]);
  go();
  await first;
  const [answer] = await burst(1);
  expect(answer).toContain('upstream-tls-failed');
});
