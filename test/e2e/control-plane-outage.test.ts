import { afterEach, describe, expect, it } from 'vitest';
import { curl } from '../support/agents/curl.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const LEASE_SECONDS = 1;

let world: World;
afterEach(() => world.close());

async function startWorld(failMode: object): Promise<void> {
  world = await World.start({ failMode, leaseSeconds: LEASE_SECONDS, persistent: true });
  expect((await curl(world, '/v1/items')).status).toBe(200);
  await world.stopControlPlane();
  await until('the proxy notices', () => !world.proxy.client.connected);
}

describe('the control plane is killed and started again', () => {
  it('fail mode closed: calls are refused once the lease is over, and go on when it is back', async () => {
    await startWorld({ type: 'closed' });
    await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 10_000 }).toBe(503);
    const seen = world.api.seenCalls.length;
    expect(JSON.parse((await curl(world, '/v1/items')).body)).toMatchObject({ code: 'control-plane-unavailable' });
    expect(world.api.seenCalls).toHaveLength(seen);
    await world.startControlPlaneAgain();
    await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 20_000 }).toBe(200);
    await expect
      .poll(async () => (await world.rest('GET', '/v1/verify-log')).body, { timeout: 10_000 })
      .toMatchObject({ ok: true });
  }, 120_000);

  it('fail mode stale: what was allowed stays allowed meanwhile, and its records arrive afterwards', async () => {
    await startWorld({ type: 'stale', maxAgeSeconds: 600 });
    // Well past the lease, so that only the fail mode can be what admits.
    await new Promise((resolve) => setTimeout(resolve, LEASE_SECONDS * 1_000 + 500));
    for (let call = 0; call < 3; call += 1) expect((await curl(world, '/v1/items')).status).toBe(200);
    // What was never asked before is not admitted.
    expect((await curl(world, '/v1/echo')).status).toBe(503);
    await world.startControlPlaneAgain();
    await until('the proxy is back', () => world.proxy.client.connected, 20_000);
    const reasons = async (): Promise<string[]> => {
      const { body } = await world.rest('GET', '/v1/decisions');
      return (body as { decisions: { outcome: string }[] }).decisions.map(({ outcome }) => outcome);
    };
    await expect.poll(async () => (await reasons()).length, { timeout: 20_000 }).toBe(5);
    expect((await world.rest('GET', '/v1/verify-log')).body).toMatchObject({ ok: true });
  }, 120_000);
});
