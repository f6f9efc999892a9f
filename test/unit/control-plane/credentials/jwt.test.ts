import { decodeJwt } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import type { JwtSpec } from '../../../../control-plane/credentials/credential-minter.ts';
import { Issuer } from '../../../../control-plane/credentials/issuer.ts';
import { mintJwt } from '../../../../control-plane/credentials/jwt.ts';
import { SigningKeyRing } from '../../../../control-plane/credentials/signing-keys.ts';
import { createMemoryKeyStore } from '../../../support/control-plane/memory-key-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { MINT_CONTEXT } from '../../../support/control-plane/mint-context.ts';

const SPEC: JwtSpec = {
  type: 'jwt',
  audience: 'https://api.example',
  subject: 'agent:{{workload}}',
  claims: {},
  ttlSeconds: 300,
};

let issuer: Issuer;
const clock = new ManualClock();

beforeEach(async () => {
  const keys = await SigningKeyRing.open(createMemoryKeyStore(), clock);
  issuer = new Issuer({ url: 'https://sidekey.example', keys, clock });
});

describe('jwt credentials', () => {
  test('carry subject, audience and claims by template', async () => {
    const claims = {
      act: undefined,
      team: '{{agent.kubernetes.namespace}}',
      nested: { user: ['{{user}}', 1, true, null] },
    };
    const { act: _, ...allowed } = claims;
    const { secret, notAfter } = await mintJwt(issuer, { ...SPEC, claims: allowed }, MINT_CONTEXT);
    expect(notAfter).toBe(clock.now() + 295_000);
    expect(decodeJwt(secret.reveal())).toMatchObject({
      iss: 'https://sidekey.example/tenants/acme',
      sub: 'agent:agent',
      aud: 'https://api.example',
      team: 'prod',
      nested: { user: ['ann@example.com', 1, true, null] },
    });
  });

  test('another tenant cannot make one that passes for it, whatever its templates say (invariant 6)', async () => {
    const spec = { ...SPEC, subject: 'agent:agent', claims: { tenant: 'acme' } };
    const { secret } = await mintJwt(issuer, spec, { ...MINT_CONTEXT, tenant: 'globex' });
    expect(decodeJwt(secret.reveal())).toMatchObject({ iss: 'https://sidekey.example/tenants/globex' });
  });

  test('no two are the same', async () => {
    const [a, b] = await Promise.all([mintJwt(issuer, SPEC, MINT_CONTEXT), mintJwt(issuer, SPEC, MINT_CONTEXT)]);
    expect(a.secret.reveal()).not.toBe(b.secret.reveal());
  });

  test.each(['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti'])('the claim %s cannot be overridden', async (name) => {
    const minted = mintJwt(issuer, { ...SPEC, claims: { [name]: 'x' } }, MINT_CONTEXT);
    await expect(minted).rejects.toMatchObject({ reason: 'credential-unavailable' });
  });
});
