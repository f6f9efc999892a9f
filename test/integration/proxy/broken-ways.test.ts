import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS } from '../../../proto/reasons.ts';
import {
  type FaultyHttp1Upstream,
  HTTP1_FAULTS,
  PARTIAL,
  startFaultyHttp1Upstream,
} from '../../support/upstreams/http1-faults.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { connectRaw, type RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

// What breaks in the middle, on each way in: the agent is told, the record is right, and nothing is left behind.

const LIMITS = { bodyIdleTimeoutMs: 2_000, responseTimeoutMs: 2_000 };
let world: ProxyWorld;
let upstream: FaultyHttp1Upstream;

beforeEach(async () => {
  upstream = await startFaultyHttp1Upstream(HOSTS);
  const { port, securePort } = upstream;
  world = await startProxyWorld({
    config: {
      limits: LIMITS,
      upstreamCaPem: upstream.caPem,
      local: [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'api.test', port: securePort } }],
    },
    routes: () => [route({ hosts: [...HOSTS], ports: [port, securePort] })],
  });
});
afterEach(async () => {
  await world.close();
  await upstream.close();
});

/** An agent, and a head that it may send. */
interface Way {
  readonly agent: RawAgent;
  readonly head: (more?: string) => string;
}
const headFor =
  (port: number, target = '/x') =>
  (more = '') =>
    `GET ${target} HTTP/1.1\r\nHost: api.test:${port}\r\n${more}\r\n`;
const WAYS: Readonly<Record<string, () => Promise<Way>>> = {
  explicit: async () => {
    const { port } = upstream;
    return { agent: await world.agent(), head: headFor(port, `http://api.test:${port}/x`) };
  },
  CONNECT: async () => {
    const agent = await world.agent();
    const at = `api.test:${upstream.port}`;
    await agent.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
    return { agent, head: headFor(upstream.port) };
  },
  'CONNECT and TLS': async () => {
    const { agent } = await world.tlsAgent('api.test', upstream.securePort, { ALPNProtocols: ['http/1.1'] });
    return { agent, head: headFor(upstream.securePort) };
  },
  SOCKS: async () => {
    const agent = await world.agent();
    const { port } = upstream;
    agent.send(Buffer.from([5, 1, 0, 5, 1, 0, 3, 8, ...Buffer.from('api.test'), port >> 8, port & 255]));
    await agent.until((text) => text.length >= 12);
    return { agent, head: headFor(port) };
  },
  'a local listener': async () => {
    const agent = await connectRaw(world.proxy.localAddresses[0]?.port ?? 0);
    return { agent, head: headFor(upstream.securePort) };
  },
};

describe.each(Object.entries(WAYS))('by %s', (_way, begin) => {
  test.each(Object.entries(HTTP1_FAULTS))('an upstream that %s', async (_, { strike, reason, told, bytes }) => {
    upstream.onRequest = strike;
    const { agent, head } = await begin();
    const text = await agent.send(head('Connection: close\r\n')).closed();
    if (told !== 'cut') expect(text).toMatch(new RegExp(`HTTP/1.1 ${told} .*"code":"${reason}"`, 's'));
    await until('it is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([
      { outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number, responseBytes: bytes },
    ]);
    await until('the upstream is let go', () => upstream.sockets.every((socket) => socket.destroyed));
  });

  test.each(['resets', 'closes'])(
    'an agent that %s in the middle ends the upstream call, which is recorded',
    async (how) => {
      upstream.onRequest = (socket) => {
        const more = setInterval(() => socket.write('.'), 50);
        socket.once('close', () => clearInterval(more));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
      };
      const { agent, head } = await begin();
      // Node cannot reset a socket below TLS.
      if (how === 'resets' && agent.socket instanceof tls.TLSSocket) return;
      await agent.send(head()).until((text) => text.endsWith('.'));
      if (how === 'resets') agent.socket.resetAndDestroy();
      else agent.destroy();
      await until(
        'the upstream is let go',
        () => upstream.sockets.length > 0 && upstream.sockets.every((socket) => socket.destroyed),
      );
      await until('it is recorded', () => world.client.records.length > 0);
      const failed = { outcome: Outcome.OUTCOME_FAILED, reason: REASONS['agent-closed'].number };
      expect(world.client.records).toMatchObject([failed]);
      expect(world.client.records[0]?.responseBytes).toBeGreaterThan(0);
    },
  );

  test('a revocation in the middle', async () => {
    upstream.onRequest = (socket) => void socket.write(PARTIAL);
    const { agent, head } = await begin();
    await agent.send(head()).until((text) => text.endsWith('only a part'));
    world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false });
    await agent.closed();
    await until('the upstream is let go', () => upstream.sockets.every((socket) => socket.destroyed));
    expect(world.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED, responseBytes: 11 }]);
  });
});

describe('a tunnel to an unrouted host', () => {
  test.each(['reset', 'ended'] as const)('whose upstream is %s in the middle', async (how) => {
    const own = await startProxyWorld({ routes: () => [], allowLoopback: true, config: { unrouted: 'tunnel' } });
    try {
      upstream.onRequest = (socket) =>
        socket.write('a part', () =>
          setTimeout(() => (how === 'reset' ? socket.resetAndDestroy() : socket.end()), 100),
        );
      const agent = await own.agent();
      const errors: string[] = [];
      agent.socket.on('error', (error) => errors.push((error as NodeJS.ErrnoException).code ?? ''));
      const closed = new Promise((resolve) => agent.socket.once('close', resolve));
      await agent.exchange(
        `CONNECT localhost:${upstream.port} HTTP/1.1\r\nHost: localhost:${upstream.port}\r\n\r\n`,
        'CONNECT',
      );
      await agent.send('hello').until((text) => text.endsWith('a part'));
      await agent.closed();
      agent.socket.end();
      await closed;
      expect(errors).toEqual(how === 'reset' ? ['ECONNRESET'] : []);
    } finally {
      await own.close();
    }
  });
});
