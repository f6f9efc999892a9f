import type { JWK } from 'jose';
import Provider from 'oidc-provider';
import { startHttpsServer } from '../upstreams/https-server.ts';
import type { HttpsServer } from '../upstreams/https-server.ts';
import { createSigningKey } from '../../../common/signing-key.ts';

/** A client of the test provider. */
export interface ProviderClient {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  readonly token_endpoint_auth_signing_alg?: string;
  readonly jwks?: { readonly keys: readonly JWK[] };
}

export interface ProviderServer extends HttpsServer {
  /** Successful answers of the token endpoint so far. */
  issued(): number;
}

export interface ProviderOptions {
  readonly audience: string;
  readonly ttlSeconds?: number;
  /** The claims that a client's tokens carry in place of the usual ones; `undefined` takes a claim out. */
  readonly claimsOf?: (clientId: string) => Readonly<Record<string, unknown>>;
}

/** A real OpenID provider on real HTTPS. It issues JWT access tokens (RFC 9068) for the audience given, living `ttlSeconds`. */
export async function startOidcProvider(
  clients: readonly ProviderClient[],
  options: ProviderOptions,
): Promise<ProviderServer> {
  const privateKey = createSigningKey();
  let issued = 0;
  const server = await startHttpsServer((url) => {
    const provider = new Provider(url, {
      clients: clients.map((client) => ({
        ...client,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'ES384', 'RS256', 'EdDSA'] },
      scopes: ['read', 'write'],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'provider-1' }] },
      clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      formats: {
        customizers: {
          jwt: (_: unknown, { clientId }: { clientId: string }, token: { payload: object }) => {
            Object.assign(token.payload, options.claimsOf?.(clientId));
          },
        },
      },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => options.audience,
          getResourceServerInfo: () => ({
            scope: 'read write',
            audience: options.audience,
            accessTokenFormat: 'jwt',
            accessTokenTTL: options.ttlSeconds ?? 600,
            jwt: { sign: { alg: 'ES256' } },
          }),
        },
      },
    });
    provider.on('grant.success', () => (issued += 1));
    return provider.callback();
  });
  return { ...server, issued: () => issued };
}
