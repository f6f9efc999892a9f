import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { afterwards, startWorld } from '../../support/worlds/chained-world.ts';
import type { ProxyWorld } from '../../support/worlds/proxy-world.ts';
import { startRawUpstream } from '../../support/upstreams/upstream.ts';
import { until } from '../../support/until.ts';

// A proxy before the upstream that breaks the rules, or breaks: the agent is told, and nothing is left behind.

interface Answer {
  readonly says: (socket: net.Socket) => unknown;
  readonly reason: Reason;
  /** Where TLS with the upstream comes first; else the same. */
  readonly secure?: Reason;
}
const ANSWERS: Readonly<Record<string, Answer>> = {
  'asks for a password': {
    says: (socket) =>
      socket.write('HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'),
    reason: 'upstream-proxy-failed',
  },
  forbids: { says: (socket) => socket.write('HTTP/1.1 403 No\r\n\r\n'), reason: 'upstream-proxy-refused' },
  'cannot connect': { says: (socket) => socket.write('HTTP/1.1 502 Bad\r\n\r\n'), reason: 'connect-failed' },
  'gives up waiting': { says: (socket) => socket.write('HTTP/1.1 504 Late\r\n\r\n'), reason: 'connect-timeout' },
  'sends garbage': { says: (socket) => socket.write('\0\x01garbage\r\n\r\n'), reason: 'upstream-proxy-failed' },
  'sends a head without end': {
    says: (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`),
    reason: 'upstream-proxy-failed',
  },
  'ends at once': { says: (socket) => socket.end(), reason: 'upstream-proxy-failed' },
  'resets at once': { says: (socket) => socket.resetAndDestroy(), reason: 'upstream-proxy-failed' },
  'says nothing': { says: () => {}, reason: 'upstream-proxy-failed' },
  'breaks off in its answer': { says: (socket) => socket.end('HTTP/1.1 200 O'), reason: 'upstream-proxy-failed' },
  'is gone once it has agreed': {
    says: (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'),
    reason: 'upstream-closed',
    secure: 'connect-failed',
  },
};

async function startThrough(
  onConnect: (socket: net.Socket) => unknown,
): Promise<{ world: ProxyWorld; sockets: net.Socket[] }> {
  const sockets: net.Socket[] = [];
  const proxy = await startRawUpstream((socket) => {
    sockets.push(socket);
    socket.once('data', () => onConnect(socket));
  });
  const world = await startWorld(`http://127.0.0.1:${proxy.port}`, undefined, {
    config: { limits: { connectTimeoutMs: 1_000, tlsHandshakeTimeoutMs: 1_000 } },
  });
  afterwards(() => proxy.close());
  return { world, sockets };
}

async function expectRecorded(world: ProxyWorld, sockets: net.Socket[], reason: Reason): Promise<void> {
  await until('it is recorded', () => world.client.records.length > 0);
  await until('the proxy is let go', () => sockets.every(({ destroyed }) => destroyed));
  expect(world.client.records).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED, reason: REASONS[reason].number }]);
}

describe.each(['http', 'https'] as const)('to an upstream of %s', (scheme) => {
  test.each(Object.entries(ANSWERS))('a proxy that %s', async (_, { says, ...reasons }) => {
    const reason = scheme === 'https' ? (reasons.secure ?? reasons.reason) : reasons.reason;
    const { world, sockets } = await startThrough(says);
    const port = scheme === 'http' ? world.upstream.httpPort : world.upstream.httpsPort;
    const head = `GET ${scheme === 'http' ? `http://localhost:${port}` : ''}/x HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`;
    const agent = scheme === 'http' ? await world.agent() : (await world.tlsAgent('localhost', port)).agent;
    const text = await agent.send(head).closed();
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${REASONS[reason].httpStatus} .*"code":"${reason}"`, 's'));
    await expectRecorded(world, sockets, reason);
  });
});

test.each(['resets', 'ends'])('a proxy that %s in the middle of an answer', async (how) => {
  const { world, sockets } = await startThrough((socket) => {
    const back = net.connect(world.upstream.httpsPort, '127.0.0.1');
    back.on('error', () => {});
    back.pipe(socket);
    socket.pipe(back);
    socket.on('close', () => back.destroy());
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
  });
  world.upstream.handle((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('only a part');
  });
  const { agent } = await world.tlsAgent('localhost', world.upstream.httpsPort);
  await agent
    .send(`GET / HTTP/1.1\r\nHost: localhost:${world.upstream.httpsPort}\r\n\r\n`)
    .until((text) => text.endsWith('only a part'));
  for (const socket of sockets)
    if (how === 'resets') socket.resetAndDestroy();
    else socket.destroy();
  expect(await agent.closed()).toMatch(/only a part$/);
  await expectRecorded(world, sockets, 'upstream-closed');
  expect(world.client.records[0]?.responseBytes).toBe(11);
});
