import { z } from 'zod';
import { cidr, issuerUrl, line, pem } from './fields.ts';

const jwk = z
  .looseObject({ kty: line(16).describe('Key type; symmetric keys are never taken.') })
  .describe('Public key as a JWK (RFC 7517).');

const jwks = z
  .union([
    z.strictObject({
      inline: z
        .strictObject({ keys: z.array(jwk).min(1).max(64).describe('Public keys as JWKs (RFC 7517).') })
        .describe('JWK set, held here.'),
    }),
    z.strictObject({ url: issuerUrl.describe('Where to fetch the JWK set.') }),
  ])
  .describe("The issuer's keys. Without it they are found by OIDC discovery.");

const outbound = {
  ca: pem.optional().describe("Authorities for fetching the keys, beside the system's."),
  allowedAddresses: z.array(cidr).max(64).default([]).describe('Refused addresses that the issuer may resolve to.'),
};

const audience = line(1024).describe('The token must name this audience.');

const kubernetes = z
  .strictObject({
    type: z.literal('kubernetes'),
    issuer: issuerUrl.describe(
      'Issuer of service account tokens: `kubectl get --raw /.well-known/openid-configuration`.',
    ),
    audience,
    jwks: jwks.optional(),
    ...outbound,
  })
  .describe('Projected service account tokens.');

const oidc = z
  .strictObject({
    type: z.literal('oidc'),
    issuer: issuerUrl.optional().describe('Issuer of the tokens. Needed unless a preset gives it.'),
    audience,
    preset: z
      .enum(['github-actions', 'gitlab', 'terraform-cloud'])
      .optional()
      .describe('Issuer and claims of a well-known service.'),
    jwks: jwks.optional(),
    ...outbound,
    for: z.enum(['workload', 'user']).default('workload').describe('Whom the tokens identify.'),
  })
  .refine((spec) => spec.issuer !== undefined || spec.preset !== undefined, {
    error: 'give an issuer or a preset',
    path: ['issuer'],
  })
  .describe('Tokens of any OpenID Connect issuer.');

const local = z
  .strictObject({ type: z.literal('local') })
  .describe("A process on the control plane's own machine, by the peer credentials of a unix socket.");

export const trustProviderSpec = z
  .discriminatedUnion('type', [kubernetes, oidc, local])
  .describe('Verifies one kind of evidence of identity.');

export type TrustProviderSpec = z.output<typeof trustProviderSpec>;
export type KubernetesTrustProviderSpec = z.output<typeof kubernetes>;
export type OidcTrustProviderSpec = z.output<typeof oidc>;
export type LocalTrustProviderSpec = z.output<typeof local>;
export type JwksSource = z.output<typeof jwks>;
