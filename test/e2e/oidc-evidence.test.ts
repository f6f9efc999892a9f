import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { type Proxy, startProxy } from '../../proxy/main.ts';
import { requestToken } from '../support/control-plane/client-credentials.ts';
import { type ProviderServer, startOidcProvider } from '../support/control-plane/oidc-provider.ts';
import { runProcess } from '../support/process.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { LOOPBACK } from '../support/worlds/world-policy.ts';
import { World } from '../support/worlds/world.ts';

// Tokens of a real OpenID provider, whose keys the control plane finds by discovery, and what an agent is told that calls through
// a proxy with such evidence.
const SECRET = 's'.repeat(32);
/** The provider takes nothing but URIs. */
const AUDIENCE = 'https://sidekey.test';
const GITLAB = { aud: 'gitlab-jobs', project_path: 'group/project', namespace_path: 'group', ref: 'main' };
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

/** What the provider puts into the token of each of its clients. */
const CLAIMS: Readonly<Record<string, () => Readonly<Record<string, unknown>>>> = {
  robot: () => ({ team: 'billing' }),
  stranger: () => ({ team: 'sales' }),
  nobody: () => ({}),
  elsewhere: () => ({ team: 'billing', aud: 'https://elsewhere.test' }),
  late: () => ({ team: 'billing', iat: inSeconds(-120), exp: inSeconds(-60) }),
  early: () => ({ team: 'billing', nbf: inSeconds(600) }),
  endless: () => ({ team: 'billing', exp: undefined }),
  nameless: () => ({ team: 'billing', sub: undefined }),
  job: () => GITLAB,
  'other-job': () => ({ ...GITLAB, project_path: 'group/fork' }),
  'no-job': () => ({ ...GITLAB, project_path: undefined }),
};

let world: World;
let idp: ProviderServer;
let foreign: ProviderServer;
const proxies: Proxy[] = [];

beforeAll(async () => {
  const options = { audience: AUDIENCE, claimsOf: (client: string) => CLAIMS[client]?.() ?? {} };
  const clients = Object.keys(CLAIMS).map((client) => ({
    client_id: client,
    client_secret: SECRET,
    token_endpoint_auth_method: 'client_secret_basic' as const,
  }));
  [world, idp, foreign] = await Promise.all([
    World.start(),
    startOidcProvider(clients, options),
    startOidcProvider(clients, options),
  ]);
  const trust = { type: 'oidc', issuer: idp.url, ca: idp.caPem, allowedAddresses: LOOPBACK };
  const call = { serverWorkload: 'api', rules: [{ methods: ['GET'], paths: ['/v1/**'] }] };
  const credentials = [{ provider: 'api-token', inject: { type: 'bearer' } }];
  await world.apply(
    ['TrustProvider', 'idp', { ...trust, audience: AUDIENCE }],
    ['TrustProvider', 'jobs', { ...trust, preset: 'gitlab', audience: GITLAB.aud }],
    ['ClientWorkload', 'robot', { selectors: { all: [{ claim: 'oidc.team', equals: 'billing' }] } }],
    ['ClientWorkload', 'job', { selectors: { all: [{ claim: 'gitlab.project_path', equals: 'group/project' }] } }],
    ['AccessPolicy', 'robot-reads', { ...call, credentials, clientWorkload: 'robot', trust: ['idp'] }],
    ['AccessPolicy', 'job-reads', { ...call, credentials, clientWorkload: 'job', trust: ['jobs'] }],
  );
}, 180_000);

afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close(0)));
  await Promise.all([world.close(), idp.close(), foreign.close()]);
});

const tokenOf = (client: string, provider = idp): Promise<string> => requestToken(provider, client, SECRET);

/** Calls the API with curl through a proxy of its own that has this evidence; gives 200 or the reason of the denial. */
async function call(token: string): Promise<unknown> {
  const caFile = join(world.folder, `authority-${crypto.randomUUID()}.pem`);
  const { grpcAddress, caPem } = world.controlPlane;
  const proxy = await startProxy({
    controlPlane: { address: grpcAddress, caPem, tenant: 'default' },
    evidence: async () => [
      { kind: 'oidc', subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD, token: Buffer.from(token) },
    ],
    listen: { host: '127.0.0.1', port: 0 },
    authority: 'local',
    unrouted: 'deny',
    caFile,
    logLevel: 'silent',
  });
  proxies.push(proxy);
  const command = [
    'curl',
    '--silent',
    '--show-error',
    '--cacert',
    caFile,
    '--proxy',
    `http://127.0.0.1:${proxy.address.port}`,
  ];
  const url = `${world.api.url}/v1/items`;
  for (let attempt = 0; ; attempt += 1) {
    const { stdout, stderr } = await runProcess([...command, '-w', '\n%{http_code}', url], {
      PATH: process.env['PATH'],
    });
    expect(stderr).toBe('');
    const [body = '', status] = stdout.split('\n');
    if (status === '200') return 200;
    const { code } = JSON.parse(body);
    // On a slow machine the first refusal may still be on its way.
    if (code !== 'not-ready' || attempt === 20) return code;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** The classic confusion: the provider's public key, taken for the secret of an HMAC. */
async function signWithPublicKey(token: string): Promise<string> {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: 'provider-1' })).toString('base64url');
  const signed = `${header}.${token.split('.')[1]}`;
  const { stdout: keys } = await runProcess(['curl', '--silent', '--insecure', `${idp.url}/jwks`], {
    PATH: process.env['PATH'],
  });
  const key = JSON.stringify(JSON.parse(keys).keys[0]);
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

async function withoutSignature(token: string): Promise<string> {
  const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  return `${header}.${token.split('.')[1]}.`;
}

/** By somebody who has read the provider's address, and a token of it. */
const forge = (header: Record<string, unknown>): Promise<string> =>
  new TokenIssuer(idp.url).sign({ team: 'billing', aud: AUDIENCE }, Date.now(), header);

it.each<readonly [string, () => Promise<string>, unknown]>([
  ['a token as it should be', () => tokenOf('robot'), 200],
  ['the token of a job, by a preset', () => tokenOf('job'), 200],
  ['a token of another provider', () => tokenOf('robot', foreign), 'evidence-wrong-issuer'],
  ['another audience', () => tokenOf('elsewhere'), 'evidence-wrong-audience'],
  ['an expired token', () => tokenOf('late'), 'evidence-expired'],
  ['a token for later', () => tokenOf('early'), 'evidence-not-yet-valid'],
  ['a key that the provider does not publish', () => forge({}), 'evidence-unknown-key'],
  ["another key under the provider's key id", () => forge({ kid: 'provider-1' }), 'evidence-bad-signature'],
  ['HMAC with the public key', async () => signWithPublicKey(await tokenOf('robot')), 'evidence-bad-algorithm'],
  ['no signature', async () => withoutSignature(await tokenOf('robot')), 'evidence-bad-algorithm'],
  ['no expiry', () => tokenOf('endless'), 'evidence-malformed'],
  ['no subject', () => tokenOf('nameless'), 'evidence-malformed'],
  ['without the claim that policy selects by', () => tokenOf('nobody'), 'workload-unknown'],
  ['with another value of that claim', () => tokenOf('stranger'), 'workload-unknown'],
  ['of a preset, without a claim that its tokens have', () => tokenOf('no-job'), 'evidence-malformed'],
  ['of a preset, of another project', () => tokenOf('other-job'), 'workload-unknown'],
])('%s', async (_title, make, expected) => {
  expect(await call(await make())).toBe(expected);
});

it('the evidence of a revoked session serves nobody any more, a fresh token of the same client does', async () => {
  const token = await tokenOf('robot');
  expect(await call(token)).toBe(200);
  expect(await call(token)).toBe(200);
  const { body } = await world.rest('GET', '/v1/sessions');
  const { sessions } = body as { sessions: { id: string; instanceId: string }[] };
  const [owner] = proxies.slice(-1);
  const session = sessions.find(({ instanceId }) => instanceId === owner?.client.instanceId);
  await world.revoke('session', session?.id ?? '');
  expect(await call(token)).toBe('evidence-revoked');
  expect(await call(await tokenOf('robot'))).toBe(200);
}, 90_000);
