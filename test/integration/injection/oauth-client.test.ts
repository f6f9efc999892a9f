import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as oauth from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type InjectingWorld, startInjectingWorld } from '../../support/worlds/injecting-world.ts';
import { runProcess } from '../../support/process.ts';
import { type SeenApi, startSeenApi } from '../../support/upstreams/seen-api.ts';

// OAuth client libraries that hold a dummy secret: they get a placeholder, and the API gets the real token.
const TOKEN = randomBytes(24).toString('base64url');
const PYTHON = '/usr/bin/python3';
const has = (module: string): boolean => spawnSync(PYTHON, ['-c', `import ${module}`]).status === 0;

let api: SeenApi;
let injecting: InjectingWorld;

beforeAll(async () => {
  api = await startSeenApi();
  injecting = await startInjectingWorld(
    api,
    { token: TOKEN },
    {
      endpoint: {
        paths: ['/oauth/token'],
        credentials: [
          { provider: 'token', inject: { type: 'oauth-token', path: '/oauth/token', expiresInSeconds: 600 } },
        ],
      },
      api: {
        paths: ['/v1/**'],
        credentials: [{ provider: 'token', inject: { type: 'placeholder', in: 'header', name: 'Authorization' } }],
      },
    },
  );
}, 120_000);
beforeEach(() => {
  api.seen.length = 0;
});
afterAll(async () => {
  await injecting?.close();
  await api?.close();
});

/** The API saw one call, with the real token. */
function expectRealToken(): void {
  expect(api.seen.map(({ target, headers }) => [target, headers.authorization])).toEqual([
    ['/v1/items', `Bearer ${TOKEN}`],
  ]);
}

describe('openid-client', () => {
  const metadata = () => ({ issuer: api.url, token_endpoint: `${api.url}/oauth/token` });

  it.each([
    ['client_secret_post', oauth.ClientSecretPost('dummy')],
    ['client_secret_basic', oauth.ClientSecretBasic('dummy')],
  ])('by %s gets a placeholder, and with it the API', async (_method, authentication) => {
    const client = new oauth.Configuration(metadata(), 'agent', {}, authentication);
    client[oauth.customFetch] = injecting.fetch as oauth.CustomFetch;
    const tokens = await oauth.clientCredentialsGrant(client, { scope: 'read' });
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 600 });
    expect(tokens.access_token).toMatch(/^sk_placeholder_/);
    expect(api.seen).toEqual([]);
    const answer = await oauth.fetchProtectedResource(
      client,
      tokens.access_token,
      new URL(`${api.url}/v1/items`),
      'GET',
    );
    expect(await answer.text()).not.toContain(TOKEN);
    expectRealToken();
  });

  it('by refresh token, and by JWT assertion as for service accounts', async () => {
    const client = new oauth.Configuration(metadata(), 'agent', 'dummy');
    client[oauth.customFetch] = injecting.fetch as oauth.CustomFetch;
    const refreshed = await oauth.refreshTokenGrant(client, 'dummy');
    const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const asserted = await oauth.genericGrantRequest(client, grant, { assertion: 'dummy' });
    expect(asserted.access_token).toBe(refreshed.access_token);
  });
});

const REQUESTS_OAUTHLIB = `
import sys
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
url = sys.argv[1]
session = OAuth2Session(client=BackendApplicationClient(client_id="agent"))
print(session.fetch_token(f"{url}/oauth/token", client_id="agent", client_secret="dummy"))
print(session.get(f"{url}/v1/items").text)`;
const AUTHLIB = `
import sys
from authlib.integrations.requests_client import OAuth2Session
url = sys.argv[1]
session = OAuth2Session("agent", "dummy", token_endpoint=f"{url}/oauth/token")
print(session.fetch_token(grant_type="client_credentials"))
print(session.get(f"{url}/v1/items").text)`;

describe.each([
  ['requests_oauthlib', REQUESTS_OAUTHLIB],
  ['authlib', AUTHLIB],
])('%s of Python (needs its Debian package)', (module, script) => {
  it.skipIf(!has(module))('gets a placeholder, and with it the API', { timeout: 90_000 }, async () => {
    const { world } = injecting;
    const env = { HTTPS_PROXY: world.proxyUrl, REQUESTS_CA_BUNDLE: world.proxyCaFile };
    const end = await runProcess([PYTHON, '-c', script, api.url], env, { timeoutMs: 60_000 });
    expect(end.stdout, end.stderr).toMatch(/sk_placeholder_[\s\S]*seen \/v1\/items/);
    expect(end.stdout).not.toContain(TOKEN);
    expectRealToken();
  });
});
