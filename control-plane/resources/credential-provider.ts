import { z } from 'zod';
import { boundTo } from './bound-to.ts';
import { cidr, httpsUrl, line, pem, secretSource } from './fields.ts';

/** What every type has. */
const common = {
  replaces: z
    .array(
      z
        .string()
        .max(128)
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'use the name of an environment variable'),
    )
    .max(64)
    .default([])
    .describe(
      'Environment variables that this credential takes the place of, such as `GITHUB_TOKEN`: `sidekey run` removes them.',
    ),
};

const staticProvider = z
  .strictObject({ type: z.literal('static'), secret: secretSource.describe('The credential.'), boundTo, ...common })
  .describe('A sealed secret, injected as it is.');

const clientAuthentication = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('client_secret_basic'), clientSecret: secretSource }),
  z.strictObject({ method: z.literal('client_secret_post'), clientSecret: secretSource }),
  z.strictObject({
    method: z.literal('private_key_jwt'),
    privateKey: secretSource.describe('Private key in PKCS #8 PEM or as a JWK.'),
    keyId: line(256).optional().describe('`kid` of the assertion.'),
    algorithm: z
      .enum(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'])
      .default('ES256')
      .describe('Algorithm of the assertion.'),
  }),
]);

const oauth2ClientCredentials = z
  .strictObject({
    type: z.literal('oauth2-client-credentials'),
    tokenUrl: httpsUrl.describe('Token endpoint.'),
    clientId: line(512).describe('The client, as the token endpoint knows it.'),
    auth: clientAuthentication.describe('How the client authenticates (RFC 6749 section 2.3, RFC 7523).'),
    scope: line(2048).optional().describe('Scopes to ask for, separated by spaces.'),
    audience: line(1024).optional().describe('`audience` parameter, for servers that take one.'),
    ca: pem.optional().describe("Authorities for the token endpoint, beside the system's."),
    allowedAddresses: z
      .array(cidr)
      .max(64)
      .default([])
      .describe('Refused addresses that the token endpoint may resolve to.'),
    boundTo,
    ...common,
  })
  .describe('An access token by client credentials (RFC 6749 section 4.4).');

const jwt = z
  .strictObject({
    type: z.literal('jwt'),
    audience: z.union([line(1024), z.array(line(1024)).min(1).max(16)]).describe('`aud` of the token.'),
    subject: line(1024).describe('`sub` of the token; a template such as `agent:{{workload}}`.'),
    claims: z
      .record(line(128), z.json().meta({ id: 'JsonValue' }))
      .default({})
      .describe('More claims; strings are templates.'),
    ttlSeconds: z.int().min(10).max(3600).default(300).describe('Life of the token.'),
    ...common,
  })
  .describe("A token of the tenant's own issuer.");

export const credentialProviderSpec = z
  .discriminatedUnion('type', [staticProvider, oauth2ClientCredentials, jwt])
  .describe('Makes or fetches one kind of credential.');

export type CredentialProviderSpec = z.output<typeof credentialProviderSpec>;
export type OAuth2ClientCredentialsSpec = z.output<typeof oauth2ClientCredentials>;
export type JwtCredentialSpec = z.output<typeof jwt>;
