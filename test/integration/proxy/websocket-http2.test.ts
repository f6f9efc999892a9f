import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import { grant, HOSTS, type ProxyWorld, routeTo, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';
import {
  startWebSocketHaproxy,
  startWebSocketHttp2,
  type WebSocketHttp2Server,
} from '../../support/upstreams/websocket-http2-server.ts';

// Upstreams that take WebSockets in HTTP/2 (RFC 8441): `ws` over Node's server, and HAProxy before `ws`.
const HAS_HAPROXY = spawnSync('haproxy', ['-v']).status === 0;
const MASKED = '*'.repeat(SECRET.length);

let world: ProxyWorld;
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function startWorld({ port, caPem }: { port: number; caPem: string }): Promise<void> {
  world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
  });
  ended.push(() => world.close());
}

async function start(extended = true): Promise<WebSocketHttp2Server> {
  const server = await startWebSocketHttp2(HOSTS, { extended });
  ended.push(() => server.close());
  await startWorld(server);
  return server;
}

/** `ws` as the agent, over HTTP/1.1. */
async function connect(port: number, path = '/feed'): Promise<WebSocket> {
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://localhost:${port}${path}`, { createConnection: () => tls });
  ended.push(() => socket.terminate());
  return socket;
}

async function opened(port: number): Promise<WebSocket> {
  const socket = await connect(port);
  await once(socket, 'open');
  return socket;
}

async function say(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  socket.send(message);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  return answer;
}

describe('an HTTP/1.1 agent', () => {
  test('messages pass both ways, the secret does not, and the call is recorded once', async () => {
    const server = await start();
    const socket = await opened(server.port);
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await say(socket, `hello ${turn} €`)).toString()).toBe(`Bearer ${MASKED} hello ${turn} €`);
    }
    const big = Buffer.from(Array.from({ length: 900_000 }, (_, at) => (at * at) % 251));
    expect((await say(socket, big)).equals(big)).toBe(true);
    const [head] = server.seen;
    expect(head).toMatchObject({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/feed',
      ':scheme': 'https',
    });
    expect(head?.['sec-websocket-key'] ?? head?.['upgrade'] ?? head?.connection).toBeUndefined();
    expect(head?.authorization).toBe(`Bearer ${SECRET}`);
    const closed = once(server.sockets[0] ?? socket, 'close');
    socket.close(4000, 'bye');
    expect(await once(socket, 'close')).toEqual([4000, Buffer.from('bye')]);
    expect(await closed).toEqual([4000, Buffer.from('bye')]);
    await until('the call is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([{ method: 'GET', path: '/feed', reason: 1, outcome: 1 }]);
  });

  test('many sockets and ordinary calls share one connection', async () => {
    const server = await start();
    const sockets = await Promise.all(Array.from({ length: 8 }, () => opened(server.port)));
    const { agent } = await world.tlsAgent('localhost', server.port, { ALPNProtocols: ['http/1.1'] });
    const plain = await agent.exchange(`GET / HTTP/1.1\r\nHost: localhost:${server.port}\r\n\r\n`);
    expect(plain.body.toString()).toBe('hello');
    for (const socket of sockets) expect((await say(socket, 'x')).toString()).toContain(' x');
    expect([server.seen.length, server.connections()]).toEqual([9, 1]);
    sockets[0]?.close();
    await until('its stream is over', () => server.sockets[0]?.readyState === WebSocket.CLOSED);
    const [, ...others] = sockets;
    for (const socket of others) expect((await say(socket, 'still')).toString()).toContain(' still');
  });

  test('A-61 a revoked socket is closed with 1008, the upstream hears 1001, its neighbours go on', async () => {
    const server = await start();
    const socket = await opened(server.port);
    await say(socket, 'one');
    const closed = once(socket, 'close');
    const upstreamClosed = once(server.sockets[0] ?? socket, 'close');
    world.client.revoke({ id: '1', target: 3, name: 'api-token', at: undefined, lifted: false });
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, 'credential-revoked']);
    expect((await upstreamClosed)[0]).toBe(1001);
    expect((await say(await opened(server.port), 'two')).toString()).toContain(' two');
    expect(server.connections()).toBe(1);
  });

  test('what the upstream does is what the agent hears', async () => {
    const server = await start();
    const refused = await connect(server.port, '/refused');
    refused.on('error', () => {});
    const [, response] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    const left = await opened(server.port);
    server.sockets[0]?.close(4001, 'enough');
    expect(await once(left, 'close')).toEqual([4001, Buffer.from('enough')]);
    const broken = await opened(server.port);
    const closed = once(broken, 'close');
    server.sockets[1]?.terminate();
    expect((await closed)[0]).toBe(1014);
    const cut = await opened(server.port);
    const cutClosed = once(cut, 'close');
    for (const session of server.sessions) session.destroy();
    expect((await cutClosed)[0]).toBe(1014);
    await until('all are recorded', () => world.client.records.length === 4);
    const [first, second, ...others] = world.client.records.map(({ reason, status }) => `${reason} ${status}`);
    // Who says Close and does not wait for the answer has left.
    expect(['1 200', '60 200']).toContain(second);
    expect([first, ...others]).toEqual(['1 403', '60 200', '60 200']);
  });
});

test('an HTTP/2 agent to an HTTP/2 upstream', async () => {
  const server = await start();
  const { tls } = await world.tlsAgent('localhost', server.port, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `localhost:${server.port}`);
  await once(session, 'remoteSettings');
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/feed', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(head[':status']).toBe(200);
  // A text frame "hi" and a Close frame, both masked with zeros (RFC 6455 5.2).
  stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  const [message] = (await once(stream, 'data')) as [Buffer];
  expect(message.subarray(2).toString()).toBe(`Bearer ${MASKED} hi`);
  expect((await ask(session, { ':path': '/' })).body.toString()).toBe('hello');
  stream.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
  const [close] = (await once(stream, 'data')) as [Buffer];
  expect([...close]).toEqual([0x88, 2, 0x03, 0xe8]);
  await once(stream, 'end');
  session.destroy();
  expect(server.connections()).toBe(1);
  expect(server.sockets[0]?.readyState).toBe(WebSocket.CLOSED);
});

test('an upstream without extended CONNECT is dialled for HTTP/1.1, the second time at once', async () => {
  const server = await start(false);
  for (const attempts of [2, 3]) {
    const socket = await opened(server.port);
    expect((await say(socket, 'hello')).toString()).toBe(`Bearer ${MASKED} hello`);
    expect(server.attempts()).toBe(attempts);
  }
  expect(server.seen).toEqual([]);
});

test('a signed opening goes by Upgrade, since its signature names GET', async () => {
  const server = await start();
  const value = { key: Buffer.from('whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH'), algorithm: 'sha256', encoding: 'hex' };
  const headers = [{ name: 'Authorization', value: '{{signature}}' }];
  const signed = { ...value, timestamp: 'seconds', signed: '{{method}}', headers };
  world.client.decide = (question) => grant(question, { kind: { $case: 'hmac', value: signed } });
  const signature = createHmac('sha256', value.key).update('GET').digest('hex');
  const said = (await say(await opened(server.port), 'hello')).toString();
  expect(server.upgrades).toEqual([signature]);
  expect(said).toBe(`${'*'.repeat(signature.length)} hello`);
  expect(server.seen).toEqual([]);
});

test.skipIf(!HAS_HAPROXY)('HAProxy takes it, and `ws` behind it answers (skipped without haproxy)', async () => {
  const server = await startWebSocketHaproxy(HOSTS);
  ended.push(() => server.close());
  await startWorld(server);
  const sockets = await Promise.all([opened(server.port), opened(server.port)]);
  for (const socket of sockets) {
    expect((await say(socket, 'hello')).toString()).toBe(`Bearer ${MASKED} hello`);
    const big = Buffer.alloc(300_000, 7);
    expect((await say(socket, big)).equals(big)).toBe(true);
  }
  expect(server.opened()).toBe(2);
  for (const socket of sockets) {
    socket.close(4000, 'bye');
    expect((await once(socket, 'close'))[0]).toBe(4000);
  }
});
