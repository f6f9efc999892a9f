import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type HttpsServer, startHttpsServer } from '../support/upstreams/https-server.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';
import { World } from '../support/worlds/world.ts';

const PRESENT = existsSync('dist/sidekey.js');
const PATIENCE = { timeout: 20_000, interval: 200 };
const KEYS = { first: randomBytes(18).toString('base64url'), second: `${randomBytes(18).toString('base64')}==` };

type Credential = readonly [provider: keyof typeof KEYS, inject: object];

/** What each path of the API gets. */
const POLICIES: readonly (readonly [name: string, paths: readonly string[], ...credentials: Credential[]])[] = [
  [
    'template',
    ['/template'],
    ['first', { type: 'header', name: 'Authorization', template: 'Token token="{{credential}}"' }],
  ],
  ['cookie', ['/cookie'], ['first', { type: 'cookie', name: 'sid' }]],
  ['segment', ['/*/getMe'], ['first', { type: 'path-segment', index: 0, prefix: 'bot' }]],
  ['several', ['/several'], ['first', { type: 'bearer' }], ['second', { type: 'query', name: 'key' }]],
  ['form', ['/form'], ['first', { type: 'form-field', name: 'secret' }]],
  ['json', ['/json'], ['second', { type: 'json-field', pointer: '/auth/key' }]],
  ['token', ['/oauth/token'], ['first', { type: 'oauth-token', path: '/oauth/token', expiresInSeconds: 600 }]],
  ['token-holder', ['/token-holder'], ['first', { type: 'placeholder', in: 'header', name: 'Authorization' }]],
  [
    'placeholder',
    ['/placeholder'],
    ['first', { type: 'placeholder', in: 'header', name: 'X-Api-Key', environment: 'WORLD_API_KEY' }],
  ],
];

describe.skipIf(!PRESENT)('injection by scheme, with curl behind `sidekey run` (it needs dist/)', () => {
  let world: World;
  let api: HttpsServer;
  let seen: (Pick<IncomingMessage, 'url' | 'headers'> & { readonly body: string })[] = [];

  beforeAll(async () => {
    world = await World.start();
    api = await startHttpsServer(() => (request, response) => {
      text(request).then(
        (body) => {
          seen.push({ url: request.url, headers: request.headers, body });
          response.end(`seen ${request.url ?? ''} ${JSON.stringify(request.headers)} ${body}`);
        },
        () => response.destroy(),
      );
    });
    const server = loopbackServer(api);
    await world.apply(
      ['ServerWorkload', 'many', server],
      ...Object.entries(KEYS).map(([name, value]): [string, string, object] => [
        'CredentialProvider',
        name,
        { type: 'static', secret: { value } },
      ]),
      ...POLICIES.map(([name, paths, ...credentials]): [string, string, object] => [
        'AccessPolicy',
        name,
        {
          clientWorkload: 'agent',
          serverWorkload: 'many',
          rules: [{ paths }],
          credentials: credentials.map(([provider, inject]) => ({ provider, inject })),
        },
      ]),
    );
    await until('the new route arrives', () => world.proxy.client.routes().length === 2);
  });
  beforeEach(() => {
    seen = [];
  });
  afterAll(async () => {
    await world.close();
    await api.close();
  });

  const curl = (path: string, ...more: string[]): Promise<ProcessEnd> =>
    world.agent(['curl', '--silent', '--show-error', ...more, api.url + path]);

  /** The API saw one call, and the agent nothing of the credentials that it reflected. */
  function only({ code, stdout }: ProcessEnd): (typeof seen)[number] {
    expect(code).toBe(0);
    expect(stdout).toMatch(/^seen /);
    for (const key of Object.values(KEYS)) expect(stdout).not.toContain(key);
    expect(seen).toHaveLength(1);
    return seen[0] ?? { url: '', headers: {}, body: '' };
  }

  it('a header by template', async () => {
    const { headers } = only(await curl('/template'));
    expect(headers.authorization).toBe(`Token token="${KEYS.first}"`);
  });

  it("a cookie beside the agent's others", async () => {
    const { headers } = only(await curl('/cookie', '--cookie', 'theme=dark; sid=mine'));
    expect(headers.cookie).toBe(`sid=${KEYS.first}; theme=dark`);
  });

  it("a segment of the path, of which the record keeps the agent's own", async () => {
    const { url } = only(await curl('/botDUMMY/getMe'));
    expect(url).toBe(`/bot${KEYS.first}/getMe`);
    const records = await vi.waitFor(async () => {
      const text = JSON.stringify((await world.rest('GET', '/v1/decisions')).body);
      expect(text).toContain('/botDUMMY/getMe');
      return text;
    }, PATIENCE);
    expect(records).not.toContain(KEYS.first);
  });

  it('a form field, and the record says what the agent had there', async () => {
    const { body } = only(await curl('/form', '--data', 'a=1&secret=mine&b=2'));
    expect(body).toBe(`a=1&b=2&secret=${encodeURIComponent(KEYS.first)}`);
    await vi.waitFor(async () => {
      expect(JSON.stringify((await world.rest('GET', '/v1/decisions')).body)).toContain('form:secret');
    }, PATIENCE);
  });

  it('a JSON field', async () => {
    const { body } = only(await curl('/json', '--json', '{"auth":{"key":"dummy"},"n":[1,2]}'));
    expect(body).toBe(`{"auth":{"key":"${KEYS.second}"},"n":[1,2]}`);
    seen = [];
    const refused = await curl('/json', '--json', '{"auth":{"key":1,"key":2}}');
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'injection-refused' });
    expect(seen).toEqual([]);
  });

  it("a token for the agent's SDK is a placeholder, which the API's route takes", async () => {
    const grant = ['--data', 'grant_type=client_credentials', '--user', 'id:dummy'];
    const issued = JSON.parse((await curl('/oauth/token', ...grant)).stdout);
    expect(issued).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
    expect(seen).toEqual([]);
    const { headers } = only(await curl('/token-holder', '-H', `Authorization: Bearer ${issued.access_token}`));
    expect(headers.authorization).toBe(`Bearer ${KEYS.first}`);
  });

  it('two credentials at once, and none once either is revoked', async () => {
    const { headers, url } = only(await curl('/several'));
    expect(headers.authorization).toBe(`Bearer ${KEYS.first}`);
    expect(new URL(url ?? '', api.url).searchParams.get('key')).toBe(KEYS.second);
    await world.revoke('credential', 'second');
    await vi.waitFor(async () => expect((await curl('/several')).stdout).toContain('credential-revoked'), PATIENCE);
  });

  it('placeholders behind a proxy of its own, which leaves word of them with --agent-dir', async () => {
    const at = (name: string): string => join(world.folder, name);
    await world.writeEvidence(at('evidence'));
    const { grpcAddress } = world.controlPlane;
    const identity = ['--control-plane', grpcAddress, '--evidence', `oidc=${at('evidence')}`];
    const files = ['--control-plane-ca', at('control-plane-ca.pem'), '--agent-dir', at('agent')];
    const env = { PATH: process.env['PATH'], HOME: world.folder };
    const args = ['dist/sidekey.js', 'proxy', ...identity, ...files, '--listen', '127.0.0.1:0'];
    const proxy = spawn(process.execPath, args, { env, stdio: 'ignore' });
    try {
      await until('the proxy has left word', () => existsSync(join(at('agent'), 'proxy-url')), 60_000);
      const script = 'curl --silent --show-error -H "X-Api-Key: $WORLD_API_KEY" "$0"';
      const agent = ['--agent-dir', at('agent'), '--', 'sh', '-c', script, `${api.url}/placeholder`];
      const end = await runProcess([process.execPath, 'dist/sidekey.js', 'run', '--quiet', ...agent], env);
      expect(only(end).headers['x-api-key']).toBe(KEYS.first);
    } finally {
      proxy.kill();
    }
  }, 120_000);

  it('a placeholder from the environment that `sidekey run` made', async () => {
    const script = 'curl --silent --show-error -H "X-Api-Key: $WORLD_API_KEY" "$0"; echo; echo "$WORLD_API_KEY"';
    const end = await world.agentWithOwnProxy(['sh', '-c', script, `${api.url}/placeholder`], '--quiet');
    expect(only(end).headers['x-api-key']).toBe(KEYS.first);
    const placeholder = end.stdout.trimEnd().split('\n').at(-1) ?? '';
    expect(placeholder).toMatch(/^sk_placeholder_[\w-]{43}$/);
    const listed = await world.sidekey('placeholders', '--workload', 'agent', '-o', 'env');
    expect(listed).toEqual({ code: 0, stdout: `WORLD_API_KEY=${placeholder}\n`, stderr: '' });
    seen = [];
    const elsewhere = await curl('/template', '-H', `X-Note: ${placeholder}`);
    expect(JSON.parse(elsewhere.stdout)).toMatchObject({ code: 'placeholder-refused' });
    expect(seen).toEqual([]);
  });
});
