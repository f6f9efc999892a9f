import { afterEach, expect, test } from 'vitest';
import { type ProxyWorld, readMetric, startProxyWorld } from '../../support/worlds/proxy-world.ts';

let world: ProxyWorld;
afterEach(() => world.close());

/** `maxConnections` tunnels that nobody intercepts, which are connections as any other. */
async function crowded(maxConnections: number): Promise<void> {
  const admin = { host: '127.0.0.1', port: 0 };
  world = await startProxyWorld({
    routes: () => [],
    allowLoopback: true,
    config: { admin, unrouted: 'tunnel', limits: { maxConnections } },
  });
  for (let left = maxConnections; left > 0; left -= 1) {
    const agent = await world.agent();
    const connect = `CONNECT localhost:${world.upstream.httpPort} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    expect((await agent.exchange(connect, 'CONNECT')).status).toBe(200);
  }
}

test('connections beyond maxConnections count, and the log tells of them once', async () => {
  await crowded(2);
  expect(await readMetric(world, 'sidekey_agent_connections_closed_total')).toBe(0);
  for (let left = 5; left > 0; left -= 1) expect(await (await world.agent()).closed()).toBe('');
  expect(await readMetric(world, 'sidekey_agent_connections_closed_total')).toBe(5);
  const lines = world.logged().split('\n');
  expect(lines.filter((line) => line.includes('are closed on arrival')).length).toBe(1);
  expect(world.logged()).toContain('"maxConnections":2');
});

test('blind tunnels are connections on both sides', async () => {
  await crowded(3);
  expect(await readMetric(world, 'sidekey_agent_connections')).toBe(3);
  expect(await readMetric(world, 'sidekey_upstream_connections')).toBe(3);
});
