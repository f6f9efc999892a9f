import { afterEach, describe, expect, test } from 'vitest';
import type { ProxyLimits } from '../../../proxy/limits.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
afterEach(() => world.close());

describe('limits', () => {
  async function limited(limits: Partial<ProxyLimits>): Promise<void> {
    world = await startProxyWorld({ config: { limits } });
  }

  test.each([
    ['maxHeadBytes', { maxHeadBytes: 1024 }, `X-Long: ${'x'.repeat(2000)}`, 431],
    ['maxHeaderCount', { maxHeaderCount: 5 }, Array.from({ length: 9 }, (_, at) => `X-${at}: 1`).join('\r\n'), 431],
  ])('%s', async (_name, limits, header, status) => {
    await limited(limits);
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', '/', [header]))).status).toBe(status);
    await agent.closed();
  });

  test('maxTargetBytes', async () => {
    await limited({ maxTargetBytes: 256 });
    const agent = await world.agent();
    expect((await agent.exchange(world.request('GET', `/${'x'.repeat(300)}`))).status).toBe(414);
  });

  test('maxTrailerBytes and maxChunkLineBytes', async () => {
    await limited({ maxTrailerBytes: 100, maxChunkLineBytes: 8 });
    const head = world.request('POST', '/', ['Transfer-Encoding: chunked']);
    const trailing = await world.agent();
    const first = await trailing.exchange(`${head}1\r\na\r\n0\r\nX-Long: ${'x'.repeat(200)}\r\n\r\n`);
    expect(first.status).toBe(431);
    const chunky = await world.agent();
    expect((await chunky.exchange(`${head}0000000000001\r\na\r\n0\r\n\r\n`)).status).toBe(400);
  });

  test('maxConnections', async () => {
    await limited({ maxConnections: 2 });
    const first = await world.agent();
    const second = await world.agent();
    expect((await first.exchange(world.request('GET', '/'))).status).toBe(200);
    expect((await second.exchange(world.request('GET', '/'))).status).toBe(200);
    const third = await world.agent();
    await third.closed();
    first.destroy();
    let status = 0;
    await until('a place was free again', () => {
      world
        .agent()
        .then((agent) => agent.exchange(world.request('GET', '/')))
        .then((answer) => (status = answer.status))
        .catch(() => {});
      return status === 200;
    });
  });

  test('maxConnectionsPerHost', async () => {
    await limited({ maxConnectionsPerHost: 1 });
    world.upstream.handle((_request, response) => response.write('held'));
    const first = await world.agent();
    first.send(world.request('GET', '/'));
    await first.until((text) => text.includes('held'));
    const second = await world.agent();
    const answer = await second.exchange(world.request('GET', '/'));
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text).code).toBe('overloaded');
  });

  test('headerTimeoutMs: half a head is answered 408, none at all is closed', async () => {
    await limited({ headerTimeoutMs: 100 });
    const silent = await world.agent();
    const slow = await world.agent();
    slow.send('GET http://api.test/ HTTP/1.1\r\nHost: ');
    expect((await slow.answer()).status).toBe(408);
    await silent.closed();
    expect(silent.received).toHaveLength(0);
  });

  test('agentIdleTimeoutMs', async () => {
    await limited({ agentIdleTimeoutMs: 100 });
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/'));
    await agent.closed();
  });

  test('bodyIdleTimeoutMs: a request body that stops is answered 408', async () => {
    await limited({ bodyIdleTimeoutMs: 100 });
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('POST', '/', ['Content-Length: 10'], 'abc'));
    expect(answer.status).toBe(408);
    expect(JSON.parse(answer.text).code).toBe('body-timeout');
    await agent.closed();
  });

  test('bodyIdleTimeoutMs: a response body that stops is cut off', async () => {
    await limited({ bodyIdleTimeoutMs: 100 });
    world.upstream.handle((_request, response) => response.write('half'));
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    await agent.closed();
    expect(agent.received.toString()).toContain('half');
  });

  test('bodyIdleTimeoutMs: an agent that stops reading is cut off', async () => {
    await limited({ bodyIdleTimeoutMs: 300 });
    let ended = false;
    world.upstream.handle((_request, response) => {
      response.on('close', () => (ended = true));
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', more);
      };
      more();
    });
    const agent = await world.agent();
    agent.socket.pause();
    agent.send(world.request('GET', '/'));
    await until('the upstream call was ended', () => ended);
  });

  test('responseTimeoutMs', async () => {
    await limited({ responseTimeoutMs: 100 });
    world.upstream.handle(() => {});
    const agent = await world.agent();
    const answer = await agent.exchange(world.request('GET', '/'));
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.text).code).toBe('upstream-timeout');
  });

  test('responseTimeoutMs is not renewed by what the agent pipelines', async () => {
    await limited({ responseTimeoutMs: 300 });
    world.upstream.handle(() => {});
    const agent = await world.agent();
    agent.send(world.request('GET', '/'));
    const drip = setInterval(() => agent.send('\r\n'), 50);
    expect((await agent.answer().finally(() => clearInterval(drip))).status).toBe(504);
  });

  test('upstreamIdleTimeoutMs and upstreamMaxAgeMs: kept connections do not stay', async () => {
    await limited({ upstreamMaxAgeMs: 0 });
    const agent = await world.agent();
    await agent.exchange(world.request('GET', '/'));
    await agent.exchange(world.request('GET', '/'));
    expect(world.upstream.connections()).toBe(2);
    await world.close();
    await limited({ upstreamIdleTimeoutMs: 50 });
    const raw = await startRawUpstream((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
      socket.once('close', () => (closed = true));
    });
    let closed = false;
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const other = await world.agent();
    await other.exchange(`GET http://api.test:${raw.port}/ HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`);
    await until('the idle connection was closed', () => closed);
    await raw.close();
  });

  test('tlsHandshakeTimeoutMs: a tunnel in which nothing is said is closed', async () => {
    await limited({ tlsHandshakeTimeoutMs: 100 });
    const at = `api.test:${world.upstream.httpsPort}`;
    const agent = await world.agent();
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    await agent.closed();
    expect(world.client.records).toHaveLength(1);
  });

  test('tlsHandshakeTimeoutMs: an upstream that never shakes hands', async () => {
    await limited({ tlsHandshakeTimeoutMs: 1_000 });
    const raw = await startRawUpstream(() => {});
    world.client.setRoutes([route({ ports: [raw.port] })]);
    const { agent } = await world.tlsAgent('api.test', raw.port);
    const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: api.test:${raw.port}\r\n\r\n`);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([504, 'connect-timeout']);
    await raw.close();
  });
});
