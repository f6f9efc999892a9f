import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlPlane } from '../../control-plane/main.ts';
import { curl, curlStream } from '../support/agents/curl.ts';
import { hasPostgres } from '../support/control-plane/postgres.ts';
import { until } from '../support/until.ts';
import { restCall } from '../support/control-plane/rest-call.ts';
import { type ReplicatedWorld, startReplicatedWorld } from '../support/worlds/replicated-world.ts';
import type { World } from '../support/worlds/world.ts';

const CUT_WITHIN_MS = 1_000;

describe.skipIf(!hasPostgres)('two control planes on one PostgreSQL (it needs a PostgreSQL server)', () => {
  let replicated: ReplicatedWorld;
  let world: World;
  let other: ControlPlane;
  beforeAll(async () => {
    replicated = await startReplicatedWorld();
    ({ world, other } = replicated);
  });
  afterAll(() => replicated.close());

  it('what is revoked at one cuts the streams of proxies at the other within a second', async () => {
    expect((await curl(world, '/v1/items')).status).toBe(200);
    const stream = curlStream(world);
    await until('the stream runs', () => stream.bytes() > 20);
    const target = { target: 'policy', name: 'agent-uses-api' };
    const revokedAt = performance.now();
    expect((await restCall(other, 'POST', '/v1/revocations', target)).status).toBe(201);
    await until('the stream is cut', () => stream.endedAt() !== undefined);
    expect((stream.endedAt() ?? Number.POSITIVE_INFINITY) - revokedAt).toBeLessThan(CUT_WITHIN_MS);
    expect((await curl(world, '/v1/items')).status).toBe(403);
    expect((await restCall(other, 'DELETE', '/v1/revocations', target)).status).toBe(200);
    await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 10_000 }).toBe(200);
  });

  it('both tell of the same decisions', async () => {
    const count = async (from: ControlPlane): Promise<number> => {
      const { body } = await restCall(from, 'GET', '/v1/decisions');
      return (body as { decisions: unknown[] }).decisions.length;
    };
    await expect.poll(() => count(other), { timeout: 10_000 }).toBeGreaterThan(2);
    // Records may still be on their way while the two are asked.
    await expect
      .poll(async () => (await count(world.controlPlane)) - (await count(other)), { timeout: 10_000 })
      .toBe(0);
    expect((await restCall(other, 'GET', '/v1/verify-log')).body).toMatchObject({ ok: true });
  });
});
