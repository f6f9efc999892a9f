import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PolicyClient } from '../../policy-client/index.ts';
import { Denial, type Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import { DecisionFact } from '../../proto/gen/sidekey/v1/route.ts';
import { createResolver } from '../../proxy/io/upstream/address-resolver.ts';
import { composeProxy, type Proxy } from '../../proxy/proxy.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { clientOf } from '../support/policy-client/policy-client.ts';
import { bearer, route, SECRET } from '../support/worlds/proxy-world.ts';
import { connectRaw, type RawAgent } from '../support/agents/raw-agent.ts';
import { until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstreams/upstream.ts';

let upstream: Upstream;
let plane: FakeControlPlane;
let client: PolicyClient;
let proxy: Proxy;
let agent: RawAgent;
let get: string;

beforeEach(async () => {
  upstream = await startUpstream(['api.test']);
  plane = new FakeControlPlane();
  plane.snapshot = { routes: [route({ ports: [upstream.httpPort] })] };
  await plane.start();
  client = clientOf(plane, { limits: { reconnectGraceMs: 10 } });
  proxy = await composeWith(client);
  agent = await connectRaw(proxy.address.port);
  get = `GET http://api.test:${upstream.httpPort}/ HTTP/1.1\r\nHost: api.test:${upstream.httpPort}\r\n\r\n`;
});

function composeWith(linked: PolicyClient): Promise<Proxy> {
  return composeProxy(
    {
      controlPlane: { address: plane.address, caPem: plane.caPem, tenant: plane.tenant },
      evidence: async () => [],
      listen: { host: '127.0.0.1', port: 0 },
      authority: 'local',
      unrouted: 'deny',
    },
    linked,
    pino({ level: 'silent' }),
    createResolver({ lookup: async () => [{ address: '127.0.0.1', family: 4 }] }),
  );
}

afterEach(async () => {
  agent.destroy();
  await proxy.close(0);
  plane.stop();
  await upstream.close();
});

function grantAll(changes: Partial<Grant>): void {
  plane.decide = (request, sessionId) => ({
    $case: 'grant',
    value: plane.grantFor(request, sessionId, { injections: [bearer(SECRET)], ...changes }),
  });
}

async function outage(): Promise<void> {
  plane.stop();
  await until('the link dropped', () => !client.connected);
}

test('A-50 before the first snapshot nothing passes', async () => {
  const early = await composeWith(clientOf(plane, { address: '127.0.0.1:9' }));
  const stranger = await connectRaw(early.address.port);
  for (const text of [get, get.replace('GET', 'OPTIONS')]) {
    const answer = await stranger.exchange(text);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([503, 'not-ready']);
  }
  // A tunnel is refused inside, where agents can read why.
  const at = `api.test:${upstream.httpPort}`;
  expect((await stranger.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT')).status).toBe(200);
  stranger.send(`GET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  await stranger.until((text) => /Established[^]*HTTP\/1.1 503 [^]*"code":"not-ready"/.test(text));
  expect(upstream.connections()).toBe(0);
  stranger.destroy();
  await early.close(0);
});

test('A-22 what is held for one call serves no other: host, port, method, path, query and session are in its key', async () => {
  const other = await startUpstream(['api.test']);
  const PATH_AND_QUERY = [DecisionFact.DECISION_FACT_PATH, DecisionFact.DECISION_FACT_QUERY];
  plane.snapshot = {
    routes: [
      route({
        hosts: ['api.test', 'b.test'],
        ports: [upstream.httpPort, other.httpPort],
        decisionFacts: PATH_AND_QUERY,
      }),
      route({ serverWorkload: 'two', hosts: ['two.test'], ports: [upstream.httpPort], decisionFacts: PATH_AND_QUERY }),
    ],
  };
  await client.ready;
  plane.sendSnapshot();
  plane.decide = (request, sessionId) => {
    const value = plane.grantFor(request, sessionId, { injections: [bearer(SECRET)] });
    if (value.binding && request.destination?.host === 'two.test') value.binding.serverWorkload = 'two';
    return { $case: 'grant', value };
  };
  const one = `api.test:${upstream.httpPort}`;
  const calls: readonly (readonly [method: string, at: string, target: string])[] = [
    ['GET', one, '/'],
    ['POST', one, '/'],
    ['GET', one, '/b'],
    ['GET', one, '/?b'],
    ['GET', one, '/?'],
    ['GET', `b.test:${upstream.httpPort}`, '/'],
    ['GET', `two.test:${upstream.httpPort}`, '/'],
    ['GET', `api.test:${other.httpPort}`, '/'],
  ];
  const send = async ([method, at, target]: (typeof calls)[number]): Promise<number> => {
    return (await agent.exchange(`${method} http://${at}${target} HTTP/1.1\r\nHost: ${at}\r\n\r\n`)).status;
  };
  await until('the new routes are there', () => client.routes().length === 2);
  for (const call of calls) expect(await send(call)).toBe(200);
  expect(plane.questions).toHaveLength(calls.length);
  for (const call of calls) expect(await send(call)).toBe(200);
  expect(plane.questions).toHaveLength(calls.length);
  // Allowed for another session: not found again under the next.
  plane.decide = () => ({ $case: 'denial', value: Denial.fromPartial({ reason: 4 }) });
  plane.sessions.clear();
  plane.end('watches', 'session-invalid');
  await until('another session', () => plane.attests.length > 1 && client.connected);
  for (const call of calls) expect(await send(call)).toBe(403);
  await other.close();
});

test('A-50 with the control plane away, authority ends with its lease', async () => {
  await client.ready;
  grantAll({ cacheLease: { seconds: 0, nanos: 300_000_000 } });
  expect((await agent.exchange(get)).status).toBe(200);
  await outage();
  let last = await agent.exchange(get);
  while (last.status === 200) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    last = await agent.exchange(get);
  }
  expect(JSON.parse(last.text).code).toBe('control-plane-unavailable');
  const before = upstream.seen.length;
  expect((await agent.exchange(get)).status).toBe(503);
  expect(upstream.seen).toHaveLength(before);
});

test('A-50 fail mode stale is for outages alone, and no longer than policy says', async () => {
  await client.ready;
  const short = { seconds: 0, nanos: 200_000_000 };
  grantAll({ cacheLease: short, failMode: { staleMaxAge: { seconds: 3, nanos: 0 } } });
  expect((await agent.exchange(get)).status).toBe(200);
  const granted = plane.decide;
  plane.decide = () => ({ $case: 'denial', value: Denial.fromPartial({ reason: 4 }) });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await agent.exchange(get)).status).toBe(403);
  plane.decide = granted;
  plane.sendSnapshot();
  await expect.poll(async () => (await agent.exchange(get)).status, { timeout: 10_000 }).toBe(200);
  await outage();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const stale = await agent.exchange(get);
  // On a machine that is busy enough the age is over by now.
  expect([200, 503]).toContain(stale.status);
  await expect.poll(async () => (await agent.exchange(get)).status, { timeout: 10_000 }).toBe(503);
});

test('A-50 a live stream is cut when its lease ends in an outage', async () => {
  await client.ready;
  grantAll({ cacheLease: { seconds: 0, nanos: 100_000_000 } });
  upstream.handle((_request, response) => response.write('going on'));
  agent.send(get);
  await agent.until((text) => text.includes('going on'));
  await outage();
  expect((await agent.closed()).endsWith('0\r\n\r\n')).toBe(false);
});
