import type { JWTPayload } from 'jose';
import { verifyEvidenceToken } from './evidence-token.ts';
import type { JwksCache } from './jwks-cache.ts';
import { AttestationError } from './trust-provider.ts';
import type { TrustProviderVerifier } from './trust-provider.ts';
import type { KubernetesTrustProviderSpec } from '../resources/kinds.ts';

const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/**
 * Projected service account tokens (bound tokens, KEP-1205). Claims: `kubernetes.{namespace, serviceAccount, serviceAccountUid,
 * pod, podUid, node, nodeUid, issuer}`; pod and node are there only when the token is bound to them. Legacy secret-based tokens
 * have no expiry and are refused as malformed.
 */
export function createKubernetesVerifier(jwks: JwksCache): TrustProviderVerifier<KubernetesTrustProviderSpec> {
  return {
    async verify(evidence, spec, now) {
      const { payload, hash } = await verifyEvidenceToken(evidence.token, {
        issuer: spec.issuer,
        audience: spec.audience,
        now,
        keys: (keyId) => jwks.keysFor(evidence.tenant, spec.issuer, spec, keyId),
      });
      const kubernetes = readClaims(payload, payload.sub);
      return {
        issuer: spec.issuer,
        subject: payload.sub,
        claims: { kubernetes: { ...kubernetes, issuer: spec.issuer } },
        notAfter: payload.exp * 1000,
        hash,
      };
    },
  };
}

function readClaims(payload: JWTPayload, subject: string): Record<string, string> {
  const bound = payload['kubernetes.io'];
  const namespace = textAt(bound, 'namespace');
  const serviceAccount = textAt(bound, 'serviceaccount', 'name');
  const [, subjectNamespace, subjectAccount] = SUBJECT.exec(subject) ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw new AttestationError('evidence-malformed', 'the token is not a bound service account token');
  }
  if (namespace !== subjectNamespace || serviceAccount !== subjectAccount) {
    throw new AttestationError('evidence-malformed', "the token's subject and its kubernetes.io claim disagree");
  }
  const claims: Record<string, string | undefined> = {
    namespace,
    serviceAccount,
    serviceAccountUid: textAt(bound, 'serviceaccount', 'uid'),
    pod: textAt(bound, 'pod', 'name'),
    podUid: textAt(bound, 'pod', 'uid'),
    node: textAt(bound, 'node', 'name'),
    nodeUid: textAt(bound, 'node', 'uid'),
  };
  return Object.fromEntries(
    Object.entries(claims).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let at: unknown = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === 'string' && at !== '' ? at : undefined;
}
