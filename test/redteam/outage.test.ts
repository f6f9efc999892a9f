import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PolicyClient } from '../../policy-client/index.ts';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import { createResolver } from '../../proxy/io/address-resolver.ts';
import { composeProxy, type Proxy } from '../../proxy/proxy.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { clientOf } from '../support/policy-client.ts';
import { bearer, route, SECRET } from '../support/proxy-world.ts';
import { connectRaw, type RawAgent } from '../support/raw-agent.ts';
import { until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

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
  proxy = await composeProxy(
    {
      controlPlane: { address: plane.address, caPem: plane.caPem, tenant: plane.tenant },
      evidence: async () => [],
      listen: { host: '127.0.0.1', port: 0 },
      authority: 'local',
      unrouted: 'deny',
    },
    client,
    pino({ level: 'silent' }),
    createResolver({ lookup: async () => [{ address: '127.0.0.1', family: 4 }] }),
  );
  agent = await connectRaw(proxy.address.port);
  get = `GET http://api.test:${upstream.httpPort}/ HTTP/1.1\r\nHost: api.test:${upstream.httpPort}\r\n\r\n`;
});

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
  const answer = await agent.exchange(get);
  if (answer.status !== 503) await client.ready;
  else expect(JSON.parse(answer.text).code).toBe('not-ready');
  expect(upstream.seen.every(({ headers }) => headers.authorization === `Bearer ${SECRET}`)).toBe(true);
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

test('A-50 a live stream is cut when its lease ends in an outage', async () => {
  await client.ready;
  grantAll({ cacheLease: { seconds: 0, nanos: 100_000_000 } });
  upstream.handle((_request, response) => response.write('going on'));
  agent.send(get);
  await agent.until((text) => text.includes('going on'));
  await outage();
  expect((await agent.closed()).endsWith('0\r\n\r\n')).toBe(false);
});
