import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEvidenceVerifier } from '../../../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import type { TrustProviderSpec } from '../../../../control-plane/resources/kinds.ts';
import type { OutboundRequest } from '../../../../control-plane/outbound/https-fetcher.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

// What an API server of Kubernetes 1.36.3 published, and the token that its kubelet gave the pod of deploy/kubernetes.yaml. The
// token has expired, and the cluster and its key are gone.
const { discovery, jwks, token } = JSON.parse(
  readFileSync('test/support/control-plane/kubernetes-1.36.json', 'utf8'),
) as {
  discovery: { issuer: string; jwks_uri: string };
  jwks: { keys: { kty: string; kid: string }[] };
  token: { header: object; claims: { iat: number; exp: number }; signature: string };
};
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const evidence = `${encode(token.header)}.${encode(token.claims)}.${token.signature}`;
const { issuer } = discovery;

/** As that API server answers: 406 to whoever does not name the type that it has. */
const only =
  (type: string, answer: object) =>
  ({ headers }: OutboundRequest): object =>
    headers?.['accept']?.split(', ').includes(type) === true ? answer : { error: 'not acceptable' };

let clock: ManualClock;
let fetcher: FakeFetcher;

beforeEach(() => {
  clock = new ManualClock(token.claims.iat * 1_000);
  fetcher = new FakeFetcher();
  fetcher.answers.set(`${issuer}/.well-known/openid-configuration`, only('application/json', discovery));
  fetcher.answers.set(discovery.jwks_uri, only('application/jwk-set+json', jwks));
});

function verify(changes: object = {}) {
  const verifier = createEvidenceVerifier({ jwks: new JwksCache({ fetcher, monotonicMs: () => clock.now() }) });
  const spec = { type: 'kubernetes', issuer, audience: 'sidekey', ...changes } as TrustProviderSpec;
  const question = {
    tenant: 'acme',
    kind: 'kubernetes',
    subject: 'workload',
    token: evidence,
    proxyKeyThumbprint: 'jkt',
  } as const;
  return verifier.verify(question, new Map([['cluster', spec]]), clock.now());
}

describe('the token of a real kubelet', () => {
  it.each([
    ['by discovery', {}, 2],
    ['by URL', { jwks: { url: discovery.jwks_uri } }, 1],
    ['inline', { jwks: { inline: jwks } }, 0],
  ])('is verified with keys %s', async (_how, keys, asked) => {
    await expect(verify(keys)).resolves.toMatchObject({
      subject: 'system:serviceaccount:agents:agent',
      notAfter: token.claims.exp * 1_000,
      claims: {
        kubernetes: {
          namespace: 'agents',
          serviceAccount: 'agent',
          serviceAccountUid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          pod: 'agent',
          podUid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          node: 'node-1',
          nodeUid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          issuer,
        },
      },
    });
    expect(fetcher.asked).toHaveLength(asked);
  });

  it('is refused for another audience, once it has expired, and with the keys of another cluster', async () => {
    await expect(verify({ audience: 'vault' })).rejects.toMatchObject({ reason: 'evidence-wrong-audience' });
    const other = { jwks: { inline: new TokenIssuer(issuer).jwks } };
    await expect(verify(other)).rejects.toMatchObject({ reason: 'evidence-unknown-key' });
    clock.advance(3_700_000);
    await expect(verify()).rejects.toMatchObject({ reason: 'evidence-expired' });
  });
});
