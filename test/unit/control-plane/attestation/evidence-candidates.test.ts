import { beforeEach, expect, test } from 'vitest';
import { createEvidenceVerifier } from '../../../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import type { TrustProviderSpec } from '../../../../control-plane/resources/kinds.ts';
import { trustProviderSpec } from '../../../../control-plane/resources/trust-provider.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

const ISSUER = 'https://issuer.example';
const PODS = {
  sub: 'system:serviceaccount:prod:agent',
  'kubernetes.io': { namespace: 'prod', serviceaccount: { name: 'agent' } },
};

let clock: ManualClock;
let issuer: TokenIssuer;
let fetcher: FakeFetcher;

beforeEach(() => {
  clock = new ManualClock();
  issuer = new TokenIssuer(ISSUER);
  fetcher = new FakeFetcher();
});

/** The provider that vouches for the token, or the reason of the refusal. */
async function verify(kind: string, token: string, specs: Readonly<Record<string, object>>): Promise<string> {
  const providers = new Map<string, TrustProviderSpec>(
    Object.entries(specs).map(([name, spec]) => [name, trustProviderSpec.parse(spec)]),
  );
  const verifier = createEvidenceVerifier({ jwks: new JwksCache({ fetcher, monotonicMs: () => clock.now() }) });
  const question = { tenant: 'acme', kind, token, subject: 'workload', proxyKeyThumbprint: 'jkt' } as const;
  return verifier.verify(question, providers, clock.now()).then(
    ({ provider }) => provider,
    ({ reason, message }: { reason?: string; message: string }) => reason ?? message,
  );
}

test.each([
  ['kubernetes', 'oidc'],
  ['oidc', 'kubernetes'],
  ['local', 'oidc'],
])('evidence that calls itself %s is not tried at a provider of %s', async (kind, type) => {
  const token = await issuer.sign(PODS, clock.now());
  const provider = { type, issuer: ISSUER, audience: 'sidekey', jwks: { inline: issuer.jwks } };
  expect(await verify(type, token, { provider })).toBe('provider');
  expect(await verify(kind, token, { provider })).toBe('evidence-wrong-issuer');
});

test.each(['kubernetes', 'oidc'])(
  'for a token of another issuer, no keys of a provider of %s are fetched',
  async (type) => {
    const stranger = await new TokenIssuer('https://stranger.example').sign(PODS, clock.now());
    const provider = { type, issuer: ISSUER, audience: 'sidekey' };
    expect(await verify(type, stranger, { provider })).toBe('evidence-wrong-issuer');
    expect(fetcher.asked).toEqual([]);
    expect(await verify(type, await issuer.sign(PODS, clock.now()), { provider })).toBe('evidence-keys-unavailable');
    expect(fetcher.asked).toHaveLength(1);
  },
);

test('of several refusals the first that is not for the audience is told', async () => {
  const base = { type: 'oidc', issuer: ISSUER, jwks: { inline: issuer.jwks } };
  const specs = {
    other: { ...base, audience: 'other' },
    fits: { ...base, audience: 'sidekey' },
    more: { ...base, audience: 'more' },
  };
  const old = await issuer.sign({ exp: Math.floor(clock.now() / 1_000) - 60 }, clock.now());
  expect(await verify('oidc', old, specs)).toBe('evidence-expired');
});

test('a fault at one provider is no refusal, behind which the next is asked', async () => {
  const bug = new TypeError('a bug');
  const answers = [() => Promise.reject(bug), () => Promise.resolve(issuer.jwks.keys)];
  const jwks = { keysFor: () => answers.shift()?.() } as unknown as JwksCache;
  const spec = trustProviderSpec.parse({ type: 'oidc', issuer: ISSUER, audience: 'sidekey' });
  const token = await issuer.sign({}, clock.now());
  const question = { tenant: 'acme', kind: 'oidc', token, subject: 'workload', proxyKeyThumbprint: 'jkt' } as const;
  const providers = new Map([
    ['one', spec],
    ['two', spec],
  ]);
  await expect(createEvidenceVerifier({ jwks }).verify(question, providers, clock.now())).rejects.toBe(bug);
});
