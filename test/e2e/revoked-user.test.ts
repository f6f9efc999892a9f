import { afterAll, beforeAll, expect, it } from 'vitest';
import { beginCalls, endOfCalls, type RunningCalls } from '../support/agents/running-calls.ts';
import { startTicker, type Ticker } from '../support/upstreams/ticker.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';

// Calls in flight on behalf of a user over HTTP/1.1, HTTP/2 and WebSocket, and each way to revoke them.

const ISSUER = 'https://issuer.world.test';

let world: World;
let upstream: Ticker;
beforeAll(async () => {
  upstream = await startTicker();
  world = await World.start({ user: 'alice' });
  await world.apply(
    ['ServerWorkload', 'ticker', loopbackServer(upstream)],
    [
      'AccessPolicy',
      'agent-uses-ticker',
      {
        clientWorkload: 'agent',
        serverWorkload: 'ticker',
        trust: ['world', 'world-users'],
        credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
      },
    ],
  );
  await until('the proxy knows the routes', () => world.proxy.client.routes().length === 2, 20_000);
});
afterAll(async () => {
  upstream.close();
  await world.close();
});

function begin(): Promise<RunningCalls> {
  return beginCalls({ port: world.proxy.address.port, caPem: world.proxy.caPem ?? '' }, upstream.port);
}

async function sessionId(): Promise<string> {
  const { body } = await world.rest('GET', '/v1/sessions');
  const { sessions } = body as { sessions: { id: string; user: string }[] };
  expect(sessions.every(({ user }) => user === `${ISSUER}#alice`)).toBe(true);
  return world.proxy.client.session()?.id ?? '';
}

it.each([
  ['user', 'alice', 'user-revoked'],
  ['user', `${ISSUER}#alice`, 'user-revoked'],
  ['workload', 'agent', 'workload-revoked'],
  ['policy', 'agent-uses-ticker', 'policy-revoked'],
  ['credential', 'api-token', 'credential-revoked'],
  ['tenant', 'default', 'tenant-revoked'],
  ['session', '', 'session-revoked'],
])('revoking the %s %s cuts its calls, each in its words', async (target, named, reason) => {
  const calls = await begin();
  const name = target === 'session' ? await sessionId() : named;
  await world.revoke(target, name);
  expect(await endOfCalls(calls)).toEqual({ http1: 'closed', http2: 'reset 2', webSocket: `1008 ${reason}` });
  expect((await world.rest('DELETE', '/v1/revocations', { target, name })).status).toBe(200);
  await until('the proxy is back', () => world.proxy.client.connected, 30_000);
});

it('revoking another user, or one of another issuer, cuts nothing', async () => {
  const calls = await begin();
  for (const name of ['bob', 'https://other.test#alice']) await world.revoke('user', name);
  const before = calls.webSocket.heard;
  await until('it goes on', () => calls.webSocket.heard > before + 5, 20_000);
  expect(Object.values(calls).map(({ ended }) => ended)).toEqual([undefined, undefined, undefined]);
});
