import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../common/clock.ts';
import { Secret } from '../../common/secret.ts';
import { createEvidenceVerifier } from '../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../control-plane/attestation/jwks-cache.ts';
import type { TrustProviderSpec } from '../../control-plane/resources/kinds.ts';
import type {
  ClientAuthentication,
  ClientCredentialsSpec,
  MintContext,
} from '../../control-plane/credentials/credential-minter.ts';
import { createClientCredentialsMinter } from '../../control-plane/credentials/oauth2-client-credentials.ts';
import { createHttpsFetcher } from '../../control-plane/outbound/https-fetcher.ts';
import { startOidcProvider } from '../support/control-plane/oidc-provider.ts';
import type { ProviderServer } from '../support/control-plane/oidc-provider.ts';

const AUDIENCE = 'https://orders.example';
const SECRET = 'a secret with % + :, long enough';
const KEYS = {
  ES256: ecKey('P-256'),
  ES384: ecKey('P-384'),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};
const fetcher = createHttpsFetcher();
let provider: ProviderServer;

function ecKey(namedCurve: string) {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

beforeAll(async () => {
  const assertionClients = Object.entries(KEYS).map(([alg, key]) => ({
    client_id: `jwt-${alg}`,
    token_endpoint_auth_method: 'private_key_jwt' as const,
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'k1', alg, use: 'sig' } as JWK] },
  }));
  provider = await startOidcProvider(
    [
      { client_id: 'agent basic', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' },
      { client_id: 'agent-post', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' },
      ...assertionClients,
    ],
    { audience: AUDIENCE, ttlSeconds: 600 },
  );
});

afterAll(async () => {
  await fetcher.close();
  await provider.close();
});

function spec(
  clientId: string,
  auth: ClientAuthentication,
  change: Partial<ClientCredentialsSpec> = {},
): ClientCredentialsSpec {
  return {
    type: 'oauth2-client-credentials',
    tokenUrl: `${provider.url}/token`,
    clientId,
    auth,
    scope: 'read',
    ca: provider.caPem,
    allowedAddresses: ['127.0.0.1/32', '::1/128'],
    ...change,
  };
}

const CONTEXT: MintContext = {
  tenant: 'acme',
  credential: 'orders',
  version: '1',
  workload: 'agent',
  user: undefined,
  serverWorkload: 'orders',
  claims: {},
};

function newMinter() {
  return createClientCredentialsMinter({ fetcher, clock: systemClock });
}

/** The provider's own token as evidence, through discovery and its published keys: nothing here is ours but the verifier. */
function verifyAsEvidence(token: string) {
  const providers = new Map<string, TrustProviderSpec>([
    [
      'idp',
      {
        type: 'oidc',
        for: 'workload',
        issuer: provider.url,
        audience: AUDIENCE,
        ca: provider.caPem,
        allowedAddresses: ['127.0.0.1/32', '::1/128'],
      },
    ],
  ]);
  const verifier = createEvidenceVerifier({ jwks: new JwksCache({ fetcher }) });
  return verifier.verify(
    { tenant: 'acme', kind: 'oidc', token, subject: 'workload', proxyKeyThumbprint: 'jkt' },
    providers,
    Date.now(),
  );
}

describe('against a real OpenID provider over HTTPS', () => {
  const secret = new Secret(SECRET);
  test.each<[string, ClientAuthentication]>([
    ['agent basic', { method: 'client_secret_basic', clientSecret: secret }],
    ['agent-post', { method: 'client_secret_post', clientSecret: secret }],
    ...Object.entries(KEYS).map(([alg, key]): [string, ClientAuthentication] => [
      `jwt-${alg}`,
      {
        method: 'private_key_jwt',
        privateKey: new Secret(key.export({ type: 'pkcs8', format: 'pem' })),
        keyId: 'k1',
        algorithm: alg as 'ES256' | 'ES384' | 'RS256',
      },
    ]),
    [
      'jwt-ES256',
      {
        method: 'private_key_jwt',
        privateKey: new Secret(JSON.stringify(KEYS.ES256.export({ format: 'jwk' }))),
        algorithm: 'ES256',
      },
    ],
  ])('%s gets a token that verifies as evidence', async (clientId, auth) => {
    const minted = await newMinter().mint(spec(clientId, auth), CONTEXT);
    expect(minted.notAfter).toBeGreaterThan(Date.now() + 590_000);
    await expect(verifyAsEvidence(minted.secret.reveal())).resolves.toMatchObject({
      provider: 'idp',
      subject: clientId,
      claims: { oidc: { iss: provider.url, scope: 'read' } },
    });
  });

  test('a hundred callers cost one token', async () => {
    const minter = newMinter();
    const before = provider.issued();
    const wanted = spec('agent-post', { method: 'client_secret_post', clientSecret: secret });
    await Promise.all(Array.from({ length: 100 }, () => minter.mint(wanted, CONTEXT)));
    expect(provider.issued() - before).toBe(1);
  });

  test('a wrong secret is an error that names neither secret nor description', async () => {
    const wrong = spec('agent-post', { method: 'client_secret_post', clientSecret: new Secret('wrong-secret-value') });
    await expect(newMinter().mint(wrong, CONTEXT)).rejects.toMatchObject({
      reason: 'credential-unavailable',
      message: expect.stringMatching(/^the token endpoint answered with status 40[01] \(invalid_client\)$/),
    });
  });

  test('an untrusted certificate, a refused address and a plain URL stop before anything is sent', async () => {
    const auth: ClientAuthentication = { method: 'client_secret_post', clientSecret: secret };
    const before = provider.issued();
    for (const change of [
      { ca: undefined },
      { allowedAddresses: [] },
      { tokenUrl: `https://127.0.0.1:${provider.port}/token`, allowedAddresses: [] },
      { tokenUrl: `http://localhost:${provider.port}/token` },
      { tokenUrl: `https://user:pass@localhost:${provider.port}/token` },
    ]) {
      const refused = newMinter().mint(spec('agent-post', auth, change), CONTEXT);
      await expect(refused, JSON.stringify(change)).rejects.toMatchObject({ reason: 'credential-unavailable' });
    }
    expect(provider.issued()).toBe(before);
  });
});
