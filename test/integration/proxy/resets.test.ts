import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { connectRaw } from '../../support/agents/raw-agent.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld();
});
afterEach(() => world.close());

/** The proxy still serves, over both transports. */
async function expectAlive(): Promise<void> {
  const { httpPort, httpsPort } = world.upstream;
  world.client.setRoutes([route({ ports: [httpPort, httpsPort] })]);
  world.upstream.handle(undefined);
  const plain = await world.agent();
  expect((await plain.exchange(world.request('GET', '/alive'))).status).toBe(200);
  const { agent } = await world.tlsAgent();
  expect((await agent.exchange(`GET /alive HTTP/1.1\r\nHost: api.test:${httpsPort}\r\n\r\n`)).status).toBe(200);
}

describe('resets at every moment', () => {
  test.each(['on accept', 'on ClientHello', 'half a record'])('the upstream, %s of TLS', async (moment) => {
    const raw = await startRawUpstream((socket) => {
      if (moment === 'on accept') return void socket.resetAndDestroy();
      socket.once('data', () => {
        if (moment === 'half a record') socket.write(Buffer.from([0x16, 0x03, 0x03, 0x40]));
        socket.resetAndDestroy();
      });
    });
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const { agent } = await world.tlsAgent('api.test', raw.port);
    const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`);
    expect(answer.status).toBe(502);
    await raw.close();
    await expectAlive();
  });

  test('the upstream over TLS, in the middle of its answer and between two', async () => {
    world.upstream.handle((request, response) => {
      request.resume();
      if (request.url === '/middle') {
        response.write('first');
        setImmediate(() => request.socket.destroy());
      } else response.end('ok', () => setImmediate(() => request.socket.destroy()));
    });
    const host = `api.test:${world.upstream.httpsPort}`;
    for (let at = 0; at < 10; at += 1) {
      const { agent } = await world.tlsAgent();
      agent.send(`GET /${at % 2 === 0 ? 'middle' : 'between'} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      agent.send(`GET /middle HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await agent.closed();
    }
    await expectAlive();
  });

  test('the agent, in its CONNECT, its handshake, its body and while it reads', async () => {
    const at = `api.test:${world.upstream.httpsPort}`;
    const connect = `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`;
    world.upstream.handle((request, response) => {
      request.resume();
      response.write(Buffer.alloc(300_000));
    });
    for (const bytes of [
      'CONN',
      connect,
      `${connect}\x16\x03\x01\x02\x00\x01\x00`,
      world.request('POST', '/', ['Content-Length: 100'], 'half'),
      world.request('GET', '/'),
    ]) {
      for (let times = 0; times < 20; times += 1) {
        const agent = await connectRaw(world.proxy.address.port);
        agent.send(bytes);
        if (times % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        agent.socket.resetAndDestroy();
      }
    }
    for (let times = 0; times < 10; times += 1) {
      const { agent, tls } = await world.tlsAgent();
      agent.send(`GET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
      if (times % 2 === 0) await agent.until((text) => text.length > 1000);
      tls.destroy();
    }
    await expectAlive();
  });

  test('an agent that closes its side inside a handshake is let go at once', async () => {
    const at = `api.test:${world.upstream.httpsPort}`;
    const agent = await world.agent();
    agent.send(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n\x16\x03\x01\x02\x00`);
    agent.socket.end();
    await agent.closed();
    expect(world.client.records).toHaveLength(1);
    expect(world.client.records[0]).toMatchObject({ method: 'CONNECT', outcome: 3 });
  });

  test('every call ends in exactly one record', async () => {
    world.upstream.handle((request, response) => {
      request.resume();
      if (Number(request.url?.slice(1)) % 3 === 0) request.socket.destroy();
      else response.end('ok');
    });
    const calls = 60;
    await Promise.all(
      Array.from({ length: calls }, async (_, at) => {
        const agent = await world.agent();
        agent.send(world.request('GET', `/${at}`));
        if (at % 4 === 0) agent.destroy();
        else await agent.answer().catch(() => {});
      }),
    );
    const paths = (): string[] => world.client.records.map(({ path }) => path);
    // An agent may have left before the proxy read its request.
    await until('all were recorded', () => new Set(paths()).size >= (calls * 3) / 4);
    expect(new Set(paths()).size).toBe(paths().length);
  });
});

test('64 MiB each way over TLS on both sides, at once', async () => {
  const size = 64 * 1024 * 1024;
  world.upstream.handle((request, response) => {
    response.writeHead(200, { 'content-length': size });
    request.pipe(response);
  });
  const { agent, tls } = await world.tlsAgent();
  agent.send(
    `POST / HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`,
  );
  let received = 0;
  tls.removeAllListeners('data');
  tls.on('data', (bytes: Buffer) => (received += bytes.length));
  const piece = Buffer.alloc(65_536, 'z');
  for (let sent = 0; sent < size; sent += piece.length) {
    if (!tls.write(piece)) await new Promise((resolve) => tls.once('drain', resolve));
  }
  await agent.closed();
  expect(received).toBeGreaterThan(size);
  expect(received).toBeLessThan(size + 1024);
});
