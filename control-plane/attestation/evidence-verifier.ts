import { readUnverifiedIssuer } from './evidence-token.ts';
import type { JwksCache } from './jwks-cache.ts';
import { createKubernetesVerifier } from './kubernetes.ts';
import { LOCAL_ISSUER, type LocalAuthority } from './local.ts';
import { createOidcVerifier, oidcIssuer } from './oidc.ts';
import { AttestationError } from './trust-provider.ts';
import type { PresentedEvidence, VerifiedEvidence } from './trust-provider.ts';
import type { TrustProviderSpec } from '../resources/kinds.ts';

/** Evidence and the name of the TrustProvider that vouches for it. */
export interface AttestedEvidence extends VerifiedEvidence {
  readonly provider: string;
}

export interface EvidenceQuestion extends PresentedEvidence {
  /** As on the wire: "kubernetes", "oidc" or "local". */
  readonly kind: string;
  readonly subject: 'workload' | 'user';
}

/** Finds the trust provider of a tenant that accepts a piece of evidence. */
export interface EvidenceVerifier {
  verify(
    question: EvidenceQuestion,
    providers: ReadonlyMap<string, TrustProviderSpec>,
    now: number,
  ): Promise<AttestedEvidence>;
}

export interface EvidenceVerifierOptions {
  readonly jwks: JwksCache;
  /** Only where the operator enabled local evidence. */
  readonly local?: LocalAuthority | undefined;
}

/** One piece of evidence is tried at no more providers than these; `apply` refuses more of one issuer. */
export const MAX_CANDIDATES = 8;

/**
 * Tries the tenant's trust providers of the evidence's kind, issuer and subject (workload or user: a user's token must never pass
 * as a workload's). Several providers may share an issuer with different audiences; the first that accepts wins.
 */
export function createEvidenceVerifier(options: EvidenceVerifierOptions): EvidenceVerifier {
  const kubernetes = createKubernetesVerifier(options.jwks);
  const oidc = createOidcVerifier(options.jwks);

  function verifyWith(spec: TrustProviderSpec, evidence: PresentedEvidence, now: number): Promise<VerifiedEvidence> {
    switch (spec.type) {
      case 'kubernetes':
        return kubernetes.verify(evidence, spec, now);
      case 'oidc':
        return oidc.verify(evidence, spec, now);
      case 'local':
        if (options.local === undefined) {
          throw new AttestationError('trust-provider-disabled', 'local evidence is not enabled on this control plane');
        }
        return options.local.verify(evidence, spec, now);
    }
  }

  return {
    async verify(question, providers, now) {
      const candidates = candidatesFor(question, providers);
      let refusal: AttestationError | undefined;
      for (const [provider, spec] of candidates) {
        try {
          return { ...(await verifyWith(spec, question, now)), provider };
        } catch (error) {
          if (!(error instanceof AttestationError)) throw error;
          // Of several providers, the one that got past the audience says more than the one that did not.
          if (refusal === undefined || refusal.reason === 'evidence-wrong-audience') refusal = error;
        }
      }
      throw refusal ?? new AttestationError('evidence-wrong-issuer', 'no trust provider accepts this evidence');
    },
  };
}

function candidatesFor(
  question: EvidenceQuestion,
  providers: ReadonlyMap<string, TrustProviderSpec>,
): readonly (readonly [string, TrustProviderSpec])[] {
  const issuer = readUnverifiedIssuer(question.token);
  if (issuer === undefined)
    throw new AttestationError('evidence-malformed', 'the evidence is not a JWT with an issuer');
  const matches = (spec: TrustProviderSpec): boolean => {
    if (spec.type !== question.kind) return false;
    if (spec.type === 'oidc') return spec.for === question.subject && oidcIssuer(spec) === issuer;
    return question.subject === 'workload' && (spec.type === 'local' ? LOCAL_ISSUER : spec.issuer) === issuer;
  };
  return [...providers].filter(([, spec]) => matches(spec)).slice(0, MAX_CANDIDATES);
}
