import { expect, it } from 'vitest';
import { Secret } from '../../../../../common/secret.ts';
import { createAdminAuthenticator, type OidcAdministrators } from '../../../../../control-plane/api/rest/admin.ts';
import { JwksCache } from '../../../../../control-plane/attestation/jwks-cache.ts';
import { TokenIssuer } from '../../../../support/control-plane/token-issuer.ts';
import { ManualClock } from '../../../../support/manual-clock.ts';

const NOW = Date.UTC(2026, 0, 15, 12);
const company = new TokenIssuer('https://id.example.com');
const ADMINISTRATORS: OidcAdministrators = {
  issuer: company.issuer,
  audience: 'sidekey-admin',
  jwks: { inline: company.jwks },
  selectors: { all: [{ claim: 'groups', equals: 'platform' }] },
};
const CLAIMS = { aud: 'sidekey-admin', groups: ['platform'] };

function authenticate(token: string, oidc: OidcAdministrators | undefined): Promise<unknown> {
  const jwks = new JwksCache({ fetcher: { fetch: () => Promise.reject(new Error('offline')), close: async () => {} } });
  const bootstrapToken = new Secret('bootstrap-token');
  return createAdminAuthenticator({ bootstrapToken, oidc, jwks, clock: new ManualClock(NOW) })(token);
}

it('the bootstrap token administers everything and never ends', async () => {
  const bootstrap = { subject: 'bootstrap', tenants: '*', notAfter: Infinity };
  expect(await authenticate('bootstrap-token', undefined)).toEqual(bootstrap);
  expect(await authenticate('bootstrap-token', ADMINISTRATORS)).toEqual(bootstrap);
});

it.each([
  ['no claim is asked for', undefined, {}, '*'],
  ['it names one', 'tenants', { tenants: 'acme' }, ['acme']],
  ['it names several', 'sidekey.tenants', { sidekey: { tenants: ['acme', 'umbrella'] } }, ['acme', 'umbrella']],
  ['it names all', 'tenants', { tenants: ['acme', '*'] }, '*'],
])('an OpenID token is good for a while, for its tenants: %s', async (_what, tenantClaim, claims, tenants) => {
  const token = await company.sign({ ...CLAIMS, ...claims }, NOW);
  // It ends as it does for evidence: after ten minutes, and five seconds for clocks that differ.
  const admin = { subject: 'https://id.example.com#someone', tenants, notAfter: NOW + 605_000 };
  expect(await authenticate(token, { ...ADMINISTRATORS, tenantClaim })).toEqual(admin);
});

it.each<[string, Record<string, unknown>, OidcAdministrators | undefined, RegExp]>([
  ['where there are none', {}, undefined, /neither the bootstrap token/],
  ['of another issuer', { iss: 'https://elsewhere.example.com' }, ADMINISTRATORS, /neither the bootstrap token/],
  ['without an issuer', { iss: undefined }, ADMINISTRATORS, /neither the bootstrap token/],
  ['for another audience', { aud: 'sidekey' }, ADMINISTRATORS, /evidence-wrong-audience/],
  ['of another group', { groups: ['sales'] }, ADMINISTRATORS, /do not make an administrator/],
  ['of no tenant', { tenants: [1, ''] }, { ...ADMINISTRATORS, tenantClaim: 'tenants' }, /names no tenant/],
])('an OpenID token %s is refused', async (_what, claims, oidc, message) => {
  const token = await company.sign({ ...CLAIMS, ...claims }, NOW);
  expect(await authenticate(token, oidc)).toEqual({ subject: undefined, message: expect.stringMatching(message) });
});

it.each(['', 'bootstrap-token ', 'a.b.c', 'bootstrap'])('what is no token at all is refused: %j', async (token) => {
  expect(await authenticate(token, ADMINISTRATORS)).toMatchObject({ subject: undefined });
});

it('a token whose claims are too costly to compare is refused, and a fault of ours is none of its', async () => {
  const selectors = { all: [{ claim: 'groups', glob: `*${'a'.repeat(1_000)}b` }] };
  const token = await company.sign({ ...CLAIMS, groups: ['a'.repeat(5_000)] }, NOW);
  expect(await authenticate(token, { ...ADMINISTRATORS, selectors })).toEqual({
    subject: undefined,
    message: expect.stringMatching(/is good, but the claim groups is too long/),
  });
  const bug = new TypeError('a bug');
  const jwks = { keysFor: () => Promise.reject(bug) } as unknown as JwksCache;
  const parts = { bootstrapToken: new Secret('bootstrap-token'), oidc: ADMINISTRATORS, clock: new ManualClock(NOW) };
  await expect(createAdminAuthenticator({ ...parts, jwks })(token)).rejects.toBe(bug);
});
