import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { SignJWT } from 'jose';
import { createSigningKey } from '../common/signing-key.ts';
import { EvidenceSubject, type Evidence } from '../proto/gen/sidekey/v1/proxy.ts';

/** Reserved for examples (RFC 2606). */
export const DOCTOR_HOST = 'sidekey-doctor.example.com';

const ISSUER = 'https://dev.sidekey.localhost';
const AUDIENCE = 'sidekey-dev';
const LIFETIME_SECONDS = 60;

export interface DevIdentity {
  /** A TrustProvider for this process alone, and the client workload `developer`. */
  readonly resources: readonly object[];
  evidence(): Promise<Evidence[]>;
}

/** Says who runs `sidekey dev`. The key lives in this process only, so the evidence dies with it. */
export function createDevIdentity(): DevIdentity {
  const privateKey = createSigningKey();
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  const user = ownName();
  return {
    resources: makeResources({ ...jwk, kid, alg: 'ES256', use: 'sig' }, user),
    evidence: async () => {
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject(user)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${LIFETIME_SECONDS}s`)
        .sign(privateKey);
      return [{ kind: 'oidc', subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD, token: Buffer.from(token) }];
    },
  };
}

/** The name of our user, or its number where it has none, as in containers. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.());
  }
}

function makeResources(jwk: object, user: string): object[] {
  const resource = (kind: string, name: string, spec: object, labels: object = {}): object => ({
    apiVersion: 'sidekey.dev/v1',
    kind,
    // `apply --prune` leaves it: without it the proxy of `sidekey dev` could not attest.
    metadata: { name, description: 'Made by `sidekey dev`.', labels: { 'sidekey.dev/prune': 'never', ...labels } },
    spec,
  });
  return [
    resource(
      'TrustProvider',
      'sidekey-dev',
      { type: 'oidc', issuer: ISSUER, audience: AUDIENCE, jwks: { inline: { keys: [jwk] } } },
      // The key is another at the next start, which a secret that is bound to it would keep from happening.
      { 'sidekey.dev/bindable': 'never' },
    ),
    resource('ClientWorkload', 'developer', {
      owner: user,
      selectors: {
        all: [
          { claim: 'oidc.iss', equals: ISSUER },
          { claim: 'oidc.sub', equals: user },
        ],
      },
    }),
    // What `sidekey doctor` calls: intercepted like any routed host, then denied, so nothing is ever dialled.
    resource('ServerWorkload', 'sidekey-doctor', { hosts: [DOCTOR_HOST] }),
    resource('AccessPolicy', 'sidekey-doctor', {
      effect: 'deny',
      clientWorkload: 'developer',
      serverWorkload: 'sidekey-doctor',
    }),
  ];
}
