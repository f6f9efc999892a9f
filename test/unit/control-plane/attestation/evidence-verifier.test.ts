import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEvidenceVerifier, MAX_CANDIDATES } from '../../../../control-plane/attestation/evidence-verifier.ts';
import type { EvidenceVerifier } from '../../../../control-plane/attestation/evidence-verifier.ts';
import { JwksCache } from '../../../../control-plane/attestation/jwks-cache.ts';
import { AttestationError } from '../../../../control-plane/attestation/trust-provider.ts';
import type { TrustProviderSpec } from '../../../../control-plane/resources/kinds.ts';
import { trustProviderSpec } from '../../../../control-plane/resources/trust-provider.ts';
import { FakeFetcher } from '../../../fakes/outbound-fetcher.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { TokenIssuer } from '../../../support/control-plane/token-issuer.ts';

const CLUSTER = 'https://cluster.example';
const PODS = {
  sub: 'system:serviceaccount:prod:agent',
  aud: ['sidekey'],
  'kubernetes.io': {
    namespace: 'prod',
    serviceaccount: { name: 'agent', uid: 'u-1' },
    pod: { name: 'agent-7', uid: 'u-2' },
    node: { name: 'node-1', uid: 'u-3' },
  },
};

let clock: ManualClock;
let issuer: TokenIssuer;
let fetcher: FakeFetcher;
let verifier: EvidenceVerifier;
let providers: Map<string, TrustProviderSpec>;

beforeEach(() => {
  clock = new ManualClock();
  issuer = new TokenIssuer(CLUSTER);
  fetcher = new FakeFetcher();
  verifier = createEvidenceVerifier({ jwks: new JwksCache({ fetcher, monotonicMs: () => clock.now() }) });
  providers = parsed({
    cluster: { type: 'kubernetes', issuer: CLUSTER, audience: 'sidekey', jwks: { inline: issuer.jwks } },
  });
});

/** As `apply` stores them. */
function parsed(specs: Readonly<Record<string, object>>): Map<string, TrustProviderSpec> {
  return new Map(Object.entries(specs).map(([name, spec]) => [name, trustProviderSpec.parse(spec)]));
}

function verify(token: string, kind = 'kubernetes', subject: 'workload' | 'user' = 'workload') {
  return verifier.verify({ tenant: 'acme', kind, token, subject, proxyKeyThumbprint: 'jkt' }, providers, clock.now());
}

function seconds(): number {
  return Math.floor(clock.now() / 1000);
}

/** The same token with another payload or header, its signature left as it was. */
function tamper(token: string, part: 0 | 1, change: Record<string, unknown>): string {
  const parts = token.split('.');
  const old: unknown = JSON.parse(Buffer.from(parts[part] ?? '', 'base64url').toString());
  parts[part] = Buffer.from(JSON.stringify({ ...(old as object), ...change })).toString('base64url');
  return parts.join('.');
}

describe('kubernetes', () => {
  test('a projected token gives its claims', async () => {
    await expect(verify(await issuer.sign(PODS, clock.now()))).resolves.toMatchObject({
      provider: 'cluster',
      subject: 'system:serviceaccount:prod:agent',
      notAfter: (seconds() + 600) * 1000,
      claims: {
        kubernetes: {
          issuer: CLUSTER,
          namespace: 'prod',
          serviceAccount: 'agent',
          serviceAccountUid: 'u-1',
          pod: 'agent-7',
          podUid: 'u-2',
          node: 'node-1',
          nodeUid: 'u-3',
        },
      },
    });
  });

  test('each failure has its own reason', async () => {
    const now = clock.now();
    const good = await issuer.sign(PODS, now);
    const cases: readonly (readonly [string, string])[] = [
      ['evidence-malformed', 'abc'],
      ['evidence-malformed', 'a.b.c'],
      ['evidence-malformed', `${good}.${good}`],
      ['evidence-malformed', `${good}${'a'.repeat(20_000)}`],
      ['evidence-wrong-issuer', await issuer.sign({ ...PODS, iss: 'https://other.example' }, now)],
      ['evidence-wrong-audience', await issuer.sign({ ...PODS, aud: ['api'] }, now)],
      ['evidence-wrong-audience', await issuer.sign({ ...PODS, aud: undefined }, now)],
      ['evidence-expired', await issuer.sign({ ...PODS, exp: seconds() - 60 }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, exp: undefined }, now)],
      ['evidence-not-yet-valid', await issuer.sign({ ...PODS, nbf: seconds() + 60 }, now)],
      ['evidence-not-yet-valid', await issuer.sign({ ...PODS, iat: seconds() + 6 }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, nbf: 'soon' }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, exp: 'soon' }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, iss: [CLUSTER] }, now)],
      ['evidence-malformed', tamper(good, 0, { crit: ['other'], other: 1 })],
      ['evidence-unknown-key', await issuer.sign(PODS, now, { kid: 'nobody' })],
      ['evidence-bad-signature', tamper(good, 1, { sub: 'system:serviceaccount:prod:admin' })],
      ['evidence-bad-signature', `${good.slice(0, -8)}AAAAAAAA`],
      ['evidence-malformed', await issuer.sign({ ...PODS, sub: 'system:serviceaccount:prod:other' }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, 'kubernetes.io': undefined }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, sub: undefined }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, note: 'a\0' }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, 'note\0': 'a' }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, notes: ['\ud800'] }, now)],
      ['evidence-malformed', await issuer.sign({ ...PODS, deep: JSON.parse('['.repeat(70) + ']'.repeat(70)) }, now)],
    ];
    for (const [reason, token] of cases) {
      await expect(verify(token), `${reason} ${token.slice(0, 30)}`).rejects.toMatchObject({ reason });
    }
  });

  test('its clock may be five seconds ahead', async () => {
    const ahead = { nbf: seconds() + 5, iat: seconds() + 5 };
    await expect(verify(await issuer.sign({ ...PODS, ...ahead }, clock.now()))).resolves.toMatchObject({
      provider: 'cluster',
    });
  });

  test('algorithm confusion is refused: none, HMAC with the public key, another family', async () => {
    const good = await issuer.sign(PODS, clock.now());
    const publicPem = createPublicKey(issuer.privateKey).export({ type: 'spki', format: 'pem' });
    const [header, payload] = tamper(good, 0, { alg: 'HS256' }).split('.');
    const mac = createHmac('sha256', publicPem).update(`${header}.${payload}`).digest('base64url');
    const none = tamper(good, 0, { alg: 'none' }).split('.').slice(0, 2).join('.');
    for (const token of [
      `${none}.`,
      `${header}.${payload}.${mac}`,
      tamper(good, 0, { alg: 'RS256' }),
      tamper(good, 0, { alg: 'ES384' }),
    ]) {
      await expect(verify(token)).rejects.toMatchObject({ reason: 'evidence-bad-algorithm' });
    }
  });

  test('a key is used for its own algorithm alone, and not when it is for encryption or one of several', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const rsa = { ...publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256' };
    const [ec] = issuer.jwks.keys;
    const signRsa = (alg: string): Promise<string> =>
      new SignJWT({ ...PODS, iss: CLUSTER, exp: seconds() + 600 })
        .setProtectedHeader({ alg, kid: 'rsa' })
        .sign(privateKey);
    const signEc = (): Promise<string> => issuer.sign(PODS, clock.now(), { kid: undefined });
    const withKeys = async (keys: readonly object[], token: string): Promise<unknown> => {
      const jwks = { inline: { keys } };
      providers = parsed({ cluster: { type: 'kubernetes', issuer: CLUSTER, audience: 'sidekey', jwks } });
      return verify(token).then(
        ({ provider }) => provider,
        ({ reason }: AttestationError) => reason,
      );
    };
    expect(await withKeys([rsa], await signRsa('RS256'))).toBe('cluster');
    expect(await withKeys([rsa], await signRsa('PS256'))).toBe('evidence-bad-algorithm');
    expect(await withKeys([ec ?? {}], await signEc())).toBe('cluster');
    expect(await withKeys([{ ...ec, use: 'enc' }], await signEc())).toBe('evidence-unknown-key');
    expect(await withKeys([ec ?? {}, { ...ec, kid: 'other' }], await signEc())).toBe('evidence-unknown-key');
  });

  test('evidence of a workload is none of a user', async () => {
    const token = await issuer.sign(PODS, clock.now());
    await expect(verify(token, 'kubernetes', 'user')).rejects.toMatchObject({ reason: 'evidence-wrong-issuer' });
  });

  test('is tried at so many providers and no more', async () => {
    const spec = providers.get('cluster');
    const others = Array.from(
      { length: MAX_CANDIDATES },
      (_, at) => [`other-${at}`, { ...spec, audience: 'other' }] as const,
    );
    const token = await issuer.sign(PODS, clock.now());
    for (const [count, reason] of [
      [MAX_CANDIDATES - 1, undefined],
      [MAX_CANDIDATES, 'evidence-wrong-audience'],
    ] as const) {
      providers = new Map([...others.slice(0, count), ['cluster', spec]] as [string, TrustProviderSpec][]);
      expect(
        await verify(token).then(
          () => undefined,
          (error: AttestationError) => error.reason,
        ),
      ).toBe(reason);
    }
  });

  test('a key that the token brings along is never used', async () => {
    const attacker = new TokenIssuer(CLUSTER);
    const [jwk] = attacker.jwks.keys;
    const kid = issuer.jwks.keys[0]?.kid;
    const token = await attacker.sign(PODS, clock.now(), { jwk, kid, jku: 'https://attacker.example/jwks' });
    await expect(verify(token)).rejects.toMatchObject({ reason: 'evidence-bad-signature' });
    expect(fetcher.asked).toEqual([]);
  });
});

describe('the hash by which evidence is burnt', () => {
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

  test('is the same for every form of a token that verifies', async () => {
    const token = await issuer.sign(PODS, clock.now());
    const signed = token.slice(0, token.lastIndexOf('.'));
    const signature = Buffer.from(token.slice(signed.length + 1), 'base64url');
    const s = ORDER - BigInt(`0x${signature.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const { hash } = await verify(token);
    await expect(verify(`${signed}.${twin.toString('base64url')}`)).resolves.toMatchObject({ hash });
    await expect(verify(await issuer.sign({ ...PODS, jti: 'other' }, clock.now()))).resolves.not.toMatchObject({
      hash,
    });
  });
});

describe('any bytes', () => {
  test('end in an AttestationError or in the same claims', async () => {
    const good = await issuer.sign(PODS, clock.now());
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.string({ maxLength: 6 }), fc.nat(4), async (at, text, cut) => {
        const token = good.slice(0, at) + text + good.slice(at + cut);
        const outcome: unknown = await verify(token).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(AttestationError);
        else expect(token.split('.').slice(0, 2)).toEqual(good.split('.').slice(0, 2));
      }),
      { numRuns: 300 },
    );
  });
});

describe('oidc', () => {
  test('workload and user evidence do not stand in for each other', async () => {
    const base = { type: 'oidc', issuer: CLUSTER, audience: 'sidekey', jwks: { inline: issuer.jwks } };
    providers = parsed({ people: { ...base, for: 'user' } });
    const token = await issuer.sign({ email: 'ann@example.com' }, clock.now());
    await expect(verify(token, 'oidc', 'user')).resolves.toMatchObject({
      subject: 'someone',
      claims: { oidc: { email: 'ann@example.com' } },
    });
    await expect(verify(token, 'oidc', 'workload')).rejects.toMatchObject({ reason: 'evidence-wrong-issuer' });
    await expect(verify(token, 'kubernetes')).rejects.toMatchObject({ reason: 'evidence-wrong-issuer' });
  });

  test('of two providers with one issuer, the one whose audience fits accepts', async () => {
    const base = { type: 'oidc', issuer: CLUSTER, jwks: { inline: issuer.jwks } };
    providers = parsed({ first: { ...base, audience: 'another' }, second: { ...base, audience: 'sidekey' } });
    await expect(verify(await issuer.sign({}, clock.now()), 'oidc')).resolves.toMatchObject({ provider: 'second' });
    const old = await issuer.sign({ exp: seconds() - 60 }, clock.now());
    await expect(verify(old, 'oidc')).rejects.toMatchObject({ reason: 'evidence-expired' });
  });

  test.each([
    [
      'github-actions',
      'https://token.actions.githubusercontent.com',
      'github',
      { repository: 'o/r', repository_owner: 'o', ref: 'refs/heads/main', workflow: 'ci' },
    ],
    ['gitlab', 'https://gitlab.com', 'gitlab', { project_path: 'g/p', namespace_path: 'g', ref: 'main' }],
    [
      'terraform-cloud',
      'https://app.terraform.io',
      'terraform',
      { terraform_organization_name: 'o', terraform_workspace_name: 'w', terraform_run_phase: 'plan' },
    ],
  ] as const)('preset %s', async (preset, url, space, claims) => {
    const service = new TokenIssuer(url);
    providers = parsed({ ci: { type: 'oidc', preset, audience: 'sidekey', jwks: { inline: service.jwks } } });
    await expect(verify(await service.sign(claims, clock.now()), 'oidc')).resolves.toMatchObject({
      claims: { [space]: claims },
    });
    await expect(verify(await service.sign({}, clock.now()), 'oidc')).rejects.toMatchObject({
      reason: 'evidence-malformed',
    });
  });
});
