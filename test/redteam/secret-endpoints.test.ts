import { readFileSync } from 'node:fs';
import { ProxyAgent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World } from '../support/worlds/world.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';

const PATIENCE = { timeout: 20_000, interval: 100 };

/** The world's API passes for Vault, GitHub and an OAuth server in turn; the policy's own rules allow all of /v1. */
describe('A-05', () => {
  let world: World;
  let dispatcher: ProxyAgent;

  beforeAll(async () => {
    world = await World.start();
    dispatcher = new ProxyAgent({ uri: world.proxyUrl, requestTls: { ca: readFileSync(world.proxyCaFile) } });
  }, 90_000);
  afterAll(async () => {
    await dispatcher?.close();
    await world?.close();
  });

  async function serve(provider: string, policy: object = {}): Promise<void> {
    const { api } = world;
    await world.apply(
      ['ServerWorkload', 'api', { ...loopbackServer(api), provider }],
      [
        'AccessPolicy',
        'agent-uses-api',
        {
          clientWorkload: 'agent',
          serverWorkload: 'api',
          rules: [{ paths: ['/**'] }],
          credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
          ...policy,
        },
      ],
    );
  }

  /** Asks until the proxy has heard of the policy that was applied last, which it says by another answer than `not-ready`. */
  async function ask(path: string): Promise<{ status: number; code: unknown }> {
    for (let attempts = 0; attempts < 100; attempts += 1) {
      const { statusCode, body } = await request(`${world.api.url}${path}`, { method: 'POST', dispatcher });
      const answer = (await body.json()) as { code?: unknown };
      if (answer.code !== 'not-ready') return { status: statusCode, code: answer.code };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the proxy did not become ready');
  }

  test.each([
    ['vault', '/v1/auth/token/create'],
    ['vault', '/v1/auth/%74oken/create'],
    ['vault', '/v1/database/creds/admin'],
    ['vault', '/v1/auth/token/create/'],
    ['vault', '/V1/auth/Token/Create'],
    ['github', '/api/v3/app/installations/1/access_tokens'],
    ['oauth', '/realms/x/protocol/openid-connect/token'],
    // A session's answer is a redirect that holds a code or, in the implicit flow, the token itself.
    ['oauth', '/realms/x/protocol/openid-connect/auth?response_type=token'],
    ['oauth', '/oauth/authorize?response_type=token'],
    ['oauth', '/admin/realms/x/clients/1/client-secret'],
    // Rails and Grape serve a path with a format behind it as the path.
    ['oauth', '/oauth/token.json'],
    ['gitlab', '/api/v4/projects/1/access_tokens.json'],
    ['gitlab', '/api/v4/user/keys%2Ejson/'],
    ['gitlab', '/api/graphql'],
  ])(
    'a credential for %s mints no other at %s',
    async (provider, path) => {
      await serve(provider);
      // A policy that is applied holds once its control plane has read it again.
      await expect.poll(() => ask(path), PATIENCE).toEqual({ status: 403, code: 'secret-endpoint' });
      const seen = world.api.seenCalls.length;
      expect(await ask(path)).toEqual({ status: 403, code: 'secret-endpoint' });
      expect(world.api.seenCalls).toHaveLength(seen);
      expect((await ask('/v1/items')).status).toBe(200);
    },
    60_000,
  );

  test('a policy may open one endpoint, and opens no other', async () => {
    await serve('vault', { opens: ['vault-login'] });
    // The API has no such endpoint; that it says so shows that the call reached it.
    await expect.poll(() => ask('/v1/auth/token/create'), PATIENCE).toMatchObject({ status: 404 });
    expect(world.api.seenCalls).toContain('POST /v1/auth/token/create');
    expect(await ask('/v1/database/creds/admin')).toEqual({ status: 403, code: 'secret-endpoint' });
  }, 60_000);
});
