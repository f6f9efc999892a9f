import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEvidenceVerifier } from '../../../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import type { AttestationError } from '../../../../control-plane/attestation/trust-provider.ts';
import { trustProviderSpec } from '../../../../control-plane/resources/trust-provider.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

const ISSUER = 'https://issuer.example';
const SUBJECT = 'system:serviceaccount:prod:agent';
const BOUND = { namespace: 'prod', serviceaccount: { name: 'agent', uid: 'u-1' } };
const KUBERNETES = { type: 'kubernetes' };
const OIDC = { type: 'oidc' };

let clock: ManualClock;
let issuer: TokenIssuer;
let fetcher: FakeFetcher;

beforeEach(() => {
  clock = new ManualClock();
  issuer = new TokenIssuer(ISSUER);
  fetcher = new FakeFetcher();
});

/** What these providers of the issuer's keys, in order, make of the token; or why they refuse it. */
async function outcome(token: string, specs: readonly object[], keys: readonly object[] = issuer.jwks.keys, kind = '') {
  const verifier = createEvidenceVerifier({ jwks: new JwksCache({ fetcher, monotonicMs: () => clock.now() }) });
  const base = { issuer: ISSUER, audience: 'sidekey', jwks: { inline: { keys } } };
  const parsed = specs.map((spec) => trustProviderSpec.parse({ ...base, ...spec }));
  const question = { tenant: 'acme', kind: kind || (parsed[0]?.type ?? ''), token, subject: 'workload' } as const;
  const providers = new Map(parsed.map((spec, at) => [`p${at}`, spec]));
  return verifier
    .verify({ ...question, proxyKeyThumbprint: 'jkt' }, providers, clock.now())
    .catch(({ reason }: AttestationError) => reason);
}

const sign = (claims: object) => issuer.sign({ ...claims }, clock.now());

describe('of Kubernetes', () => {
  test('claims that are none are left out', async () => {
    const bound = { ...BOUND, pod: 'a', node: { name: '', uid: 5 } };
    expect(await outcome(await sign({ sub: SUBJECT, 'kubernetes.io': bound }), [KUBERNETES])).toMatchObject({
      claims: {
        kubernetes: { namespace: 'prod', serviceAccount: 'agent', serviceAccountUid: 'u-1', issuer: ISSUER },
      },
    });
    const evidence = await outcome(await sign({ sub: SUBJECT, 'kubernetes.io': bound }), [KUBERNETES]);
    expect(Object.keys(Object(evidence).claims.kubernetes)).toHaveLength(4);
  });

  test.each<[string, object]>([
    ['a token that is bound to nothing', { sub: 'someone' }],
    ['another namespace', { sub: 'system:serviceaccount:other:agent', 'kubernetes.io': BOUND }],
    ['another account', { sub: 'system:serviceaccount:prod:other', 'kubernetes.io': BOUND }],
    ['a subject that is no account', { sub: 'system:node:prod:agent', 'kubernetes.io': BOUND }],
    ['a namespace alone', { sub: SUBJECT, 'kubernetes.io': { namespace: 'prod' } }],
    ['text for a claim', { sub: SUBJECT, 'kubernetes.io': 'prod' }],
  ])('%s is refused', async (_, claims) => {
    expect(await outcome(await sign(claims), [KUBERNETES])).toBe('evidence-malformed');
  });
});

describe('of OpenID Connect', () => {
  test('a token ends when it says', async () => {
    const notAfter = (Math.floor(clock.now() / 1_000) + 600) * 1_000;
    expect(await outcome(await sign({}), [OIDC])).toMatchObject({ subject: 'someone', notAfter });
  });

  test.each<[string, object]>([
    ['no subject', { sub: '' }],
    ['a subject that is no text', { sub: 5 }],
    ['no end', { exp: undefined }],
  ])('a token with %s is refused', async (_, claims) => {
    expect(await outcome(await sign(claims), [OIDC])).toBe('evidence-malformed');
  });

  test('a token that lacks one claim of its preset is refused', async () => {
    const spec = { ...OIDC, preset: 'gitlab' };
    const claims = { project_path: 'g/p', namespace_path: 'g', ref: 'main' };
    expect(await outcome(await sign(claims), [spec])).toMatchObject({ provider: 'p0' });
    expect(await outcome(await sign({ ...claims, ref: undefined }), [spec])).toBe('evidence-malformed');
  });
});

test('evidence of one kind is none of another', async () => {
  const token = await sign({ sub: SUBJECT, 'kubernetes.io': BOUND });
  expect(await outcome(token, [OIDC], undefined, 'kubernetes')).toBe('evidence-wrong-issuer');
  expect(await outcome(token, [KUBERNETES], undefined, 'oidc')).toBe('evidence-wrong-issuer');
});

test('the provider that got past the audience tells why, wherever it stands', async () => {
  const token = await sign({ exp: Math.floor(clock.now() / 1_000) - 60 });
  const other = { ...OIDC, audience: 'other' };
  expect(await outcome(token, [OIDC, other])).toBe('evidence-expired');
  expect(await outcome(token, [other, OIDC])).toBe('evidence-expired');
});

test("a stranger's token has no keys fetched", async () => {
  const token = await new TokenIssuer('https://stranger.example').sign({}, clock.now());
  expect(await outcome(token, [{ ...OIDC, jwks: undefined }])).toBe('evidence-wrong-issuer');
  expect(fetcher.asked).toEqual([]);
});

describe('keys', () => {
  const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signed = (alg: string, key: KeyObject, header: object = {}) =>
    new SignJWT({ iss: ISSUER, sub: 'someone', aud: 'sidekey', exp: Math.floor(clock.now() / 1_000) + 600 })
      .setProtectedHeader({ alg, kid: 'k', ...header })
      .sign(key);
  const jwk = (key: KeyObject) => ({ ...key.export({ format: 'jwk' }), kid: 'k' });

  test.each<[string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }]>([
    ['ES256', ec('P-256')],
    ['ES384', ec('P-384')],
    ['ES512', ec('P-521')],
    ['RS256', rsa],
    ['PS512', rsa],
    ['EdDSA', generateKeyPairSync('ed25519')],
    ['Ed25519', generateKeyPairSync('ed25519')],
  ])('%s verifies', async (alg, { privateKey, publicKey }) => {
    expect(await outcome(await signed(alg, privateKey), [OIDC], [jwk(publicKey)])).toMatchObject({ provider: 'p0' });
  });

  test('one of another curve or family is not used, though it names no algorithm', async () => {
    const token = await signed('ES256', ec('P-256').privateKey);
    for (const { publicKey } of [ec('P-384'), rsa, generateKeyPairSync('ed25519')]) {
      expect(await outcome(token, [OIDC], [jwk(publicKey)])).toBe('evidence-bad-algorithm');
    }
    const [, payload] = token.split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: 'k' })).toString('base64url');
    const mac = createHmac('sha256', rsa.publicKey.export({ type: 'spki', format: 'pem' }));
    const forged = `${header}.${payload}.${mac.update(`${header}.${payload}`).digest('base64url')}`;
    expect(await outcome(forged, [OIDC], [jwk(rsa.publicKey)])).toBe('evidence-bad-algorithm');
  });

  test.each([{ kid: 5 }, { alg: 5 }])('a header with %o is malformed', async (change) => {
    const [, payload, signature] = (await sign({})).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', ...change })).toString('base64url');
    expect(await outcome(`${header}.${payload}.${signature}`, [OIDC])).toBe('evidence-malformed');
  });
});
