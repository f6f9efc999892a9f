import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { curl } from '../support/agents/curl.ts';
import { World } from '../support/worlds/world.ts';

const HOUR_MS = 3_600_000;
const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };

let world: World;
beforeAll(async () => {
  world = await World.start({ clock, leaseSeconds: 1 });
});
afterAll(() => world.close());
beforeEach(async () => {
  clock.aheadMs = 0;
  await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 30_000 }).toBe(200);
});

async function problem(): Promise<{ code?: string; detail?: string }> {
  const { status, body } = await curl(world, '/v1/items');
  return status === 200 ? {} : (JSON.parse(body) as { code: string; detail: string });
}

it("a control plane's clock that is set ahead ends sessions, and attestations are refused with the reason", async () => {
  clock.aheadMs = HOUR_MS;
  // The session is over there: the proxy attests again, and its proof is an hour old.
  await expect.poll(async () => (await problem()).code, { timeout: 30_000 }).toBe('session-invalid');
});

it("a control plane's clock that is set back gives credentials that have ended here, which are not used", async () => {
  clock.aheadMs = -HOUR_MS;
  const code = async (): Promise<string | undefined> => (await problem()).code;
  await expect.poll(code, { timeout: 30_000 }).toBe('credential-unavailable');
  expect((await problem()).detail).toContain('compare the clocks of the proxy and the control plane');
});

it('nothing stays denied when the clock is right again', async () => {
  for (const aheadMs of [HOUR_MS, -HOUR_MS]) {
    clock.aheadMs = aheadMs;
    await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 30_000 }).not.toBe(200);
    clock.aheadMs = 0;
    await expect.poll(async () => (await curl(world, '/v1/items')).status, { timeout: 30_000 }).toBe(200);
  }
});
