import type { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { LOOPBACK, makeResource } from '../support/worlds/world-policy.ts';
import type { SoakUpstreams } from './upstreams.ts';

const LEASE_SECONDS = 1;

export function soakAgent(issuer: TokenIssuer): object[] {
  return [
    makeResource('TrustProvider', 'world', {
      type: 'oidc',
      issuer: issuer.issuer,
      audience: 'sidekey',
      jwks: { inline: issuer.jwks },
    }),
    makeResource('ClientWorkload', 'agent', { selectors: { all: [{ claim: 'oidc.sub', equals: 'agent' }] } }),
  ];
}

/** The agent may call these upstreams by these methods, with a credential: the servers and policies `plain-NAME` and `secured-NAME`. */
export function soakPolicy(
  name: string,
  { http1, chained, http2 }: SoakUpstreams,
  methods: readonly string[] = ['GET', 'POST'],
): object[] {
  const secret = { value: `sk-soak-4f9aZq7Kc81xYtWm-${name}` };
  return [
    makeResource('CredentialProvider', `key-${name}`, { type: 'static', secret }),
    ...serverAndPolicy(`plain-${name}`, `key-${name}`, methods, {
      ports: [http1.port, chained.port],
      tls: { mode: 'plaintext' },
    }),
    ...serverAndPolicy(`secured-${name}`, `key-${name}`, methods, {
      ports: [http2.port],
      tls: { mode: 'verify', ca: http2.caPem },
    }),
  ];
}

function serverAndPolicy(name: string, key: string, methods: readonly string[], server: object): object[] {
  return [
    makeResource('ServerWorkload', name, { hosts: ['localhost'], allowedAddresses: LOOPBACK, ...server }),
    makeResource('AccessPolicy', name, {
      clientWorkload: 'agent',
      serverWorkload: name,
      trust: ['world'],
      rules: [{ methods }],
      credentials: [{ provider: key, inject: { type: 'bearer' } }],
      leaseSeconds: LEASE_SECONDS,
      failMode: { type: 'stale', maxAgeSeconds: 600 },
    }),
  ];
}
