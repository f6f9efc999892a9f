// The policy of the demonstration, as `sidekey apply` reads it. Ports are only known once the services listen, so the
// documents are made here; the same in plain YAML lies in examples/policies.
import { stringify } from 'yaml';

const LOOPBACK = ['127.0.0.1/32', '::1/128'];

/** All resources as one YAML text. */
export function makeResources({ cluster, services, certificates }) {
  const documents = [
    [
      'TrustProvider',
      'cluster',
      { type: 'kubernetes', issuer: cluster.issuer, audience: cluster.audience, jwks: { inline: cluster.jwks } },
    ],
    [
      'ClientWorkload',
      'support-agent',
      {
        owner: 'support-team@example.com',
        selectors: {
          all: [
            { claim: 'kubernetes.namespace', equals: 'agents' },
            { claim: 'kubernetes.serviceAccount', equals: 'support-agent' },
          ],
        },
      },
    ],
    [
      'ServerWorkload',
      'items-api',
      {
        hosts: ['localhost'],
        ports: [services.port],
        tls: { mode: 'verify', ca: certificates.caPem },
        allowedAddresses: LOOPBACK,
      },
    ],
    [
      'CredentialProvider',
      'items-api-token',
      {
        type: 'oauth2-client-credentials',
        tokenUrl: services.tokenUrl,
        clientId: services.client.id,
        auth: { method: 'client_secret_basic', clientSecret: { fromEnv: 'DEMO_CLIENT_SECRET' } },
        scope: 'items:read',
        ca: certificates.caPem,
        allowedAddresses: LOOPBACK,
        // Sealed with the client secret: whoever changes policy later cannot have its tokens sent elsewhere.
        boundTo: {
          hosts: ['localhost'],
          ports: [services.port],
          tls: { ca: certificates.caPem },
          inject: [{ type: 'bearer' }],
          agents: { trust: ['cluster'], clientWorkloads: ['support-agent'] },
        },
      },
    ],
    [
      'AccessPolicy',
      'support-agent-reads-items',
      {
        clientWorkload: 'support-agent',
        serverWorkload: 'items-api',
        trust: ['cluster'],
        rules: [{ methods: ['GET'], paths: ['/v1/**'] }],
        credentials: [{ provider: 'items-api-token', inject: { type: 'bearer' } }],
        leaseSeconds: 30,
      },
    ],
  ];
  return documents
    .map(([kind, name, spec]) => stringify({ apiVersion: 'sidekey.dev/v1', kind, metadata: { name }, spec }))
    .join('---\n');
}
