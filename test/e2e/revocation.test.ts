import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { curl, curlStream, type LiveStream } from '../support/agents/curl.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const CUT_WITHIN_MS = 1_000;

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());
beforeEach(async () => {
  expect((await curl(world, '/v1/items')).status).toBe(200);
});

async function runningStream(): Promise<LiveStream> {
  const stream = curlStream(world);
  await until('the stream runs', () => stream.bytes() > 20);
  return stream;
}

const cut = (stream: LiveStream) => until('the stream is cut', () => stream.endedAt() !== undefined);

async function served(): Promise<void> {
  await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 20_000 }).toBe(200);
}

async function lift(target: string, name: string): Promise<void> {
  expect((await world.rest('DELETE', '/v1/revocations', { target, name })).status).toBe(200);
}

it.each([
  ['workload', 'agent', 'workload-revoked'],
  ['policy', 'agent-uses-api', 'policy-revoked'],
  ['credential', 'api-token', 'credential-revoked'],
  ['tenant', 'default', 'tenant-revoked'],
])('revoking a %s cuts the stream in flight within a second and denies the next call', async (target, name, reason) => {
  const stream = await runningStream();
  const revokedAt = performance.now();
  await world.revoke(target, name);
  await cut(stream);
  expect((stream.endedAt() ?? Number.POSITIVE_INFINITY) - revokedAt).toBeLessThan(CUT_WITHIN_MS);

  const denied = await curl(world, '/v1/items');
  expect(denied.status).toBe(403);
  expect(JSON.parse(denied.body)).toMatchObject({ code: reason });

  await lift(target, name);
  await served();
});

it('a policy taken away denies the next call and cuts the stream', async () => {
  const stream = await runningStream();
  expect((await world.rest('DELETE', '/v1/resources/AccessPolicy/agent-uses-api')).status).toBeLessThan(300);
  await cut(stream);
  expect((await curl(world, '/v1/items')).status).toBe(403);
  await world.apply([
    'AccessPolicy',
    'agent-uses-api',
    {
      clientWorkload: 'agent',
      serverWorkload: 'api',
      rules: [{ methods: ['GET'], paths: ['/v1/**'] }],
      credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
    },
  ]);
  await served();
});

it('a trust provider that says something else cuts the streams of those it vouched for within a second', async () => {
  const { body } = await world.rest('GET', '/v1/resources/TrustProvider/world');
  const { spec } = body as { spec: Record<string, unknown> };
  const stream = await runningStream();
  const changedAt = performance.now();
  await world.apply(['TrustProvider', 'world', { ...spec, audience: 'somebody else' }]);
  await cut(stream);
  expect((stream.endedAt() ?? Number.POSITIVE_INFINITY) - changedAt).toBeLessThan(CUT_WITHIN_MS);
  const code = async (): Promise<unknown> => JSON.parse((await curl(world, '/v1/items')).body).code;
  await expect.poll(code, { timeout: 10_000 }).toBe('evidence-wrong-audience');
  await world.apply(['TrustProvider', 'world', spec]);
  await served();
});

const SUSPECT = { selectors: { all: [{ claim: 'oidc.sub', glob: '*' }] } };

async function forget(...resources: readonly string[]): Promise<void> {
  for (const one of resources) expect((await world.rest('DELETE', `/v1/resources/${one}`)).status).toBeLessThan(300);
  await served();
}

it('a denial of a client workload that is new cuts the streams of standing sessions at once', async () => {
  const session = world.proxy.client.session()?.id;
  const stream = await runningStream();
  await world.apply(
    ['ClientWorkload', 'suspect', SUSPECT],
    [
      'AccessPolicy',
      'no-suspects',
      {
        effect: 'deny',
        clientWorkload: 'suspect',
        serverWorkload: 'api',
        rules: [{ methods: ['GET'], paths: ['/v1/**'] }],
      },
    ],
  );
  await cut(stream);
  expect(JSON.parse((await curl(world, '/v1/items')).body)).toMatchObject({ code: 'policy-denied' });
  expect(world.proxy.client.session()?.id).toBe(session);
  await forget('AccessPolicy/no-suspects', 'ClientWorkload/suspect');
});

it.each([
  ['after', false],
  ['before', true],
])(
  'a client workload that is new and revoked, %s it matches, cuts the streams of standing sessions at once',
  async (_, isFirst) => {
    const stream = await runningStream();
    if (isFirst) await world.revoke('workload', 'suspect');
    await world.apply(['ClientWorkload', 'suspect', SUSPECT]);
    if (!isFirst) await world.revoke('workload', 'suspect');
    await cut(stream);
    await expect
      .poll(async () => JSON.parse((await curl(world, '/v1/items')).body), { timeout: 10_000 })
      .toMatchObject({ code: 'workload-revoked' });
    await lift('workload', 'suspect');
    await forget('ClientWorkload/suspect');
  },
);

it('a client workload that is new has what policy allows it at once, in the sessions that stand', async () => {
  await world.apply(
    ['ClientWorkload', 'reader', SUSPECT],
    [
      'AccessPolicy',
      'readers',
      {
        clientWorkload: 'reader',
        serverWorkload: 'api',
        rules: [{ methods: ['GET'], paths: ['/v2/items'] }],
        credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
      },
    ],
  );
  await expect
    .poll(async () => JSON.parse((await curl(world, '/v2/items')).body), { timeout: 5_000 })
    .not.toHaveProperty('code');
  await forget('AccessPolicy/readers', 'ClientWorkload/reader');
});

it('a client workload that a session was at attestation, and would not be now, cuts its streams when it is revoked', async () => {
  await world.apply(['ClientWorkload', 'former', SUSPECT]);
  await world.revoke('workload', 'agent');
  await lift('workload', 'agent');
  await expect.poll(() => world.proxy.client.session()?.workloads, { timeout: 20_000 }).toContain('former');
  await world.apply(['ClientWorkload', 'former', { selectors: { all: [{ claim: 'oidc.sub', equals: 'nobody' }] } }]);
  await served();
  const stream = await runningStream();
  await world.revoke('workload', 'former');
  await cut(stream);
  await lift('workload', 'former');
  await forget('ClientWorkload/former');
});
