import { afterAll, beforeAll, expect, it } from 'vitest';
import { curl } from '../support/agents/curl.ts';
import { World } from '../support/worlds/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.close());

it('every decision is in the log, in order, without a secret, and its chain verifies', async () => {
  expect((await curl(world, '/v1/items?page=2')).status).toBe(200);
  expect((await curl(world, '/v1/items', '-X', 'DELETE')).status).toBe(403);
  expect((await curl(world, '/v1/echo')).status).toBe(200);
  expect((await curl(world, '/v1/items', '-H', 'Authorization: Bearer my-own-token')).status).toBe(200);
  const read = async (): Promise<Record<string, unknown>[]> => {
    const { body } = await world.rest('GET', '/v1/decisions');
    return (body as { decisions: Record<string, unknown>[] }).decisions;
  };
  await expect.poll(async () => (await read()).length, { timeout: 5_000 }).toBe(4);
  const decisions = await read();
  expect(decisions).toMatchObject([
    {
      sequence: 1,
      outcome: 'allowed',
      reason: 'ok',
      method: 'GET',
      path: '/v1/items',
      status: 200,
      workloads: ['agent'],
    },
    { sequence: 2, outcome: 'denied', reason: 'rule-denied', method: 'DELETE', status: 403 },
    {
      sequence: 3,
      outcome: 'allowed',
      path: '/v1/echo',
      accessPolicy: 'agent-uses-api',
      credentialProvider: 'api-token',
    },
    { sequence: 4, outcome: 'allowed', removedCredentials: ['header:authorization'] },
  ]);
  expect(decisions[2]?.['scrubbed']).toBeGreaterThan(0);
  const text = JSON.stringify(decisions);
  expect(text).not.toContain('my-own-token');
  for (const token of world.api.seenTokens) expect(text).not.toContain(token);
  const verified = await world.rest('GET', '/v1/verify-log');
  expect(verified).toMatchObject({ status: 200, body: { ok: true, chains: [{ records: 4 }] } });
});
