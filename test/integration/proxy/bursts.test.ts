import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startConformanceWorld } from '../../conformance/world.ts';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { until } from '../../support/until.ts';

/** Many calls at once to an upstream to which no connection stands. */

const CALLS = 400;
const AGENTS = 4;

let world: ProxyWorld;
let upstream: Http2UpstreamServer;
afterEach(async () => {
  await world?.close();
  await upstream?.close();
});

async function start(maxConcurrentStreams: number): Promise<() => Promise<Record<string, number>>> {
  const settings = { maxConcurrentStreams };
  upstream = await startHttp2Upstream(
    HOSTS,
    (stream) => {
      stream.respond({ ':status': 200 });
      setImmediate(() => stream.end('ok'));
    },
    { settings },
  );
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream.caPem, serverName: '' };
  world = await startProxyWorld({
    routes: () => [route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [upstream.port], tls })],
  });
  const agents = await Promise.all(
    Array.from({ length: AGENTS }, async () => {
      const { tls: socket } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['h2'] });
      const agent = http2Agent(socket, `localhost:${upstream.port}`);
      // It must know how many streams it may open, or it would open all at once.
      await new Promise((resolve) => agent.once('remoteSettings', resolve));
      return agent;
    }),
  );
  return async () => {
    const calls = Array.from({ length: CALLS }, (_, at) => ask(agents[at % AGENTS] ?? agents[0]!, { ':path': '/' }));
    const counts: Record<string, number> = {};
    for (const { status } of await Promise.all(calls)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
}

describe.each([10, 100, 5_000])('an upstream that takes %i streams a connection', (maxConcurrentStreams) => {
  // Streams that were answered make room, so that fewer connections may do.
  const enough = Math.ceil(CALLS / Math.min(128, maxConcurrentStreams));

  test('answers every call of a burst, over no more connections than that takes', async () => {
    const burst = await start(maxConcurrentStreams);
    expect(await burst()).toEqual({ 200: CALLS });
    expect(upstream.connections()).toBeLessThanOrEqual(enough);
  });

  test('and again once it has closed them', async () => {
    const burst = await start(maxConcurrentStreams);
    await burst();
    const before = upstream.connections();
    for (const session of upstream.sessions) session.close();
    await until('the connections are closed', () => upstream.sessions.size === 0);
    expect(await burst()).toEqual({ 200: CALLS });
    expect(upstream.connections() - before).toBeLessThanOrEqual(enough);
  });
});

test('an upstream that never says SETTINGS is given up in time, for all who wait for it', async () => {
  const conformance = await startConformanceWorld({ tlsHandshakeTimeoutMs: 300 });
  const sockets: net.Socket[] = [];
  conformance.http2.script = (socket) => sockets.push(socket);
  const at = `plain.test:${conformance.http2.port}`;
  const asked = Array.from({ length: 5 }, async () => {
    const agent = await conformance.agent();
    return (await agent.exchange(`GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`)).status;
  });
  expect(await Promise.all(asked)).toEqual(Array.from(asked, () => 504));
  expect(sockets.length).toBeLessThanOrEqual(5);
  await conformance.close();
});
