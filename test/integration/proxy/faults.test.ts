import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Route } from '../../../policy-client/index.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { callFaults } from '../../support/worlds/cut-calls.ts';

/** A bug of ours is told to the agent as one, and logged with where it happened and none of its words. */

const WORDS = 'a message that may quote a secret';

let world: ProxyWorld;
beforeEach(async () => {
  // Where calls to a host are refused inside the tunnel, none is looked for before it stands.
  world = await startProxyWorld({ config: { unrouted: 'tunnel' } });
});
afterEach(() => world.close());

/** Looking at it fails. */
function brokenRoute(port = 443): Route {
  return Object.defineProperty(route({ ports: [port] }), 'hosts', {
    get: () => {
      throw new TypeError(WORDS);
    },
  });
}

function expectLogged(): void {
  const lines = callFaults(world);
  expect(lines).toHaveLength(1);
  const { decision, name, at } = JSON.parse(lines[0] ?? '{}');
  expect(name).toBe('TypeError');
  expect(at[0]).toMatch(/^at .+:\d+:\d+\)?$/);
  expect(world.client.records.map(({ id, reason }) => [id, reason])).toEqual([[decision, 64]]);
  expect(world.logged()).not.toContain(WORDS);
}

test('in a call', async () => {
  world.client.decide = () => {
    throw new TypeError(WORDS);
  };
  const answer = await (await world.agent()).exchange(world.request('GET', '/'));
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, 'internal-error']);
  expect(answer.text).not.toContain(WORDS);
  expectLogged();
});

test('in looking for the route of a call inside a tunnel, which stands before', async () => {
  await world.close();
  world = await startProxyWorld({ config: { unrouted: 'deny' } });
  const { agent } = await world.tlsAgent();
  world.client.setRoutes([brokenRoute(world.upstream.httpsPort)]);
  const answer = await agent.exchange(`GET / HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\n\r\n`);
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, 'internal-error']);
  expectLogged();
});

test('in a CONNECT', async () => {
  world.client.setRoutes([brokenRoute()]);
  const agent = await world.agent();
  const answer = await agent.exchange('CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n');
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([500, 'internal-error']);
  expectLogged();
});

test('in a SOCKS 5 connection', async () => {
  world.client.setRoutes([brokenRoute()]);
  const agent = await world.agent();
  const name = Buffer.from('api.test');
  agent.send(Buffer.from([5, 1, 0]), Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([1, 0xbb]));
  // General failure (RFC 1928 6).
  expect(Buffer.from(await agent.closed(), 'latin1').subarray(0, 4)).toEqual(Buffer.from([5, 0, 5, 1]));
  expectLogged();
});
