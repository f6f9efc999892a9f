import type { DemandingApi } from '../upstreams/demanding-api.ts';

/** The loopback addresses, which a server workload must allow by name. */
export const LOOPBACK = ['127.0.0.1/32', '::1/128'] as const;

/** Spec of a ServerWorkload on this machine. */
export function loopbackServer({ port, caPem }: { readonly port: number; readonly caPem: string }): object {
  return { hosts: ['localhost'], ports: [port], tls: { ca: caPem }, allowedAddresses: LOOPBACK };
}

export function makeResource(kind: string, name: string, spec: object): object {
  return { apiVersion: 'sidekey.dev/v1', kind, metadata: { name }, spec };
}

/** The agent may GET and POST under /v1 of the API, with a token of its OpenID provider. */
export function worldPolicy(
  jwks: object,
  api: DemandingApi,
  options: { readonly failMode?: object; readonly leaseSeconds?: number },
): object[] {
  return [
    makeResource('TrustProvider', 'world', {
      type: 'oidc',
      issuer: 'https://issuer.world.test',
      audience: 'sidekey',
      jwks: { inline: jwks },
    }),
    makeResource('ClientWorkload', 'agent', { selectors: { all: [{ claim: 'oidc.sub', equals: 'agent' }] } }),
    makeResource('ServerWorkload', 'api', loopbackServer(api)),
    makeResource('CredentialProvider', 'api-token', {
      type: 'oauth2-client-credentials',
      tokenUrl: api.tokenUrl,
      clientId: api.client.id,
      auth: { method: 'client_secret_basic', clientSecret: { value: api.client.secret } },
      scope: 'read',
      ca: api.providerCaPem,
      allowedAddresses: LOOPBACK,
    }),
    makeResource('AccessPolicy', 'agent-uses-api', {
      clientWorkload: 'agent',
      serverWorkload: 'api',
      trust: ['world'],
      rules: [{ methods: ['GET', 'POST'], paths: ['/v1/**'] }],
      credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
      leaseSeconds: options.leaseSeconds ?? 30,
      failMode: options.failMode ?? { type: 'closed' },
    }),
  ];
}
