import type net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/proxy-world.ts';
import { connectRaw, type RawAgent } from '../../support/raw-agent.ts';
import { startRawUpstream } from '../../support/upstream.ts';
import { until } from '../../support/until.ts';

// What breaks in the middle, on each way in: the agent is told, the record is right, and nothing is left behind.

const PARTIAL = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part';
const FAULTS: Record<string, (socket: net.Socket) => void> = {
  'resets in its body': (socket) => socket.write(PARTIAL, () => setTimeout(() => socket.resetAndDestroy(), 50)),
  'ends in its body': (socket) => socket.end(PARTIAL),
  'sends garbage for a head': (socket) => socket.write('\0\x01garbage\r\n\r\n'),
  'sends garbage for a chunk': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nonly a part\r\nzz\r\n'),
  'ends before its answer': (socket) => socket.end(),
  'resets before its answer': (socket) => socket.resetAndDestroy(),
};
const ENDS: Record<keyof typeof FAULTS, { reason: keyof typeof REASONS; told: number | 'cut'; bytes: number }> = {
  'resets in its body': { reason: 'upstream-closed', told: 'cut', bytes: 11 },
  'ends in its body': { reason: 'upstream-closed', told: 'cut', bytes: 11 },
  'sends garbage for a head': { reason: 'upstream-malformed', told: 502, bytes: 0 },
  'sends garbage for a chunk': { reason: 'upstream-malformed', told: 'cut', bytes: 11 },
  'ends before its answer': { reason: 'upstream-closed', told: 502, bytes: 0 },
  'resets before its answer': { reason: 'upstream-closed', told: 502, bytes: 0 },
};

type Upstream = Awaited<ReturnType<typeof startRawUpstream>>;
let world: ProxyWorld;
let upstream: Upstream;
let answer: (socket: net.Socket) => void;
let sockets: net.Socket[];

beforeEach(async () => {
  sockets = [];
  upstream = await startRawUpstream((socket) => {
    sockets.push(socket);
    socket.once('data', () => answer(socket));
  });
  world = await startProxyWorld({
    routes: () => [route({ hosts: [...HOSTS], ports: [upstream.port] })],
  });
});
afterEach(async () => {
  await world.close();
  await upstream.close();
});

const head = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: api.test:${upstream.port}\r\n${more}\r\n`;
const WAYS: Record<string, () => Promise<{ agent: RawAgent; target: string }>> = {
  explicit: async () => ({ agent: await world.agent(), target: `http://api.test:${upstream.port}/x` }),
  CONNECT: async () => {
    const agent = await world.agent();
    await agent.exchange(
      `CONNECT api.test:${upstream.port} HTTP/1.1\r\nHost: api.test:${upstream.port}\r\n\r\n`,
      'CONNECT',
    );
    return { agent, target: '/x' };
  },
  SOCKS: async () => {
    const agent = await world.agent();
    agent.send(
      Buffer.from([5, 1, 0, 5, 1, 0, 3, 8, ...Buffer.from('api.test'), upstream.port >> 8, upstream.port & 255]),
    );
    await agent.until((text) => text.length >= 12);
    return { agent, target: '/x' };
  },
};

describe.each(Object.keys(WAYS))('by %s', (way) => {
  test.each(Object.keys(FAULTS))('an upstream that %s', async (fault) => {
    answer = FAULTS[fault] ?? (() => {});
    const { agent, target } = (await WAYS[way]?.()) ?? { agent: await connectRaw(0), target: '' };
    const text = await agent.send(head(target, 'Connection: close\r\n')).closed();
    const { reason, told, bytes } = ENDS[fault] ?? { reason: 'ok', told: 0, bytes: 0 };
    if (told !== 'cut') expect(text).toContain(`"${reason}"`);
    await until('it is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([
      { outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number, responseBytes: bytes },
    ]);
    await until('the upstream is let go', () => sockets.every((socket) => socket.destroyed));
  });

  test.each(['resets', 'closes'])(
    'an agent that %s in the middle ends the upstream call, which is recorded',
    async (how) => {
      answer = (socket) => {
        const more = setInterval(() => socket.write('.'), 50);
        socket.once('close', () => clearInterval(more));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
      };
      const { agent, target } = (await WAYS[way]?.()) ?? { agent: await connectRaw(0), target: '' };
      await agent.send(head(target)).until((text) => text.endsWith('.'));
      if (how === 'resets') agent.socket.resetAndDestroy();
      else agent.destroy();
      await until('the upstream is let go', () => sockets.length > 0 && sockets.every((socket) => socket.destroyed));
      await until('it is recorded', () => world.client.records.length > 0);
      const failed = { outcome: Outcome.OUTCOME_FAILED, reason: REASONS['agent-closed'].number };
      expect(world.client.records).toMatchObject([failed]);
      expect(world.client.records[0]?.responseBytes).toBeGreaterThan(0);
    },
  );

  test('a revocation in the middle', async () => {
    answer = (socket) => void socket.write(PARTIAL);
    const { agent, target } = (await WAYS[way]?.()) ?? { agent: await connectRaw(0), target: '' };
    await agent.send(head(target)).until((text) => text.endsWith('only a part'));
    world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false });
    await agent.closed();
    await until('the upstream is let go', () => sockets.every((socket) => socket.destroyed));
    expect(world.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED, responseBytes: 11 }]);
  });
});

describe('a tunnel to an unrouted host', () => {
  test.each(['reset', 'ended'] as const)('whose upstream is %s in the middle', async (how) => {
    const own = await startProxyWorld({ routes: () => [], allowLoopback: true, config: { unrouted: 'tunnel' } });
    try {
      answer = (socket) =>
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
