import { SidekeyError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { TrustProviderSpec } from '../resources/kinds.ts';

/** Evidence or a session was refused; `reason` is what the wire and the decision log carry. */
export class AttestationError extends SidekeyError {
  readonly reason: Reason;

  constructor(reason: Reason, message: string, options?: ErrorOptions) {
    super(reason, message, options);
    this.reason = reason;
  }
}

/** One token as it was presented, to which tenant, and the key of the proxy that presents it. */
export interface PresentedEvidence {
  readonly tenant: string;
  readonly token: string;
  /** RFC 7638 thumbprint (base64url SHA-256) of the proxy's key, already proven by its DPoP proof. */
  readonly proxyKeyThumbprint: string;
}

/** What a trust provider vouches for. */
export interface VerifiedEvidence {
  /** `iss` and `sub` of the token. */
  readonly issuer: string;
  readonly subject: string;
  /** Claims in a name space of their own, such as `{ kubernetes: { namespace: 'prod' } }`; selectors and CEL read them. */
  readonly claims: Record<string, unknown>;
  /** Milliseconds since the epoch at which the evidence expires. A session must not outlive it by more than its own lifetime. */
  readonly notAfter: number;
  /** base64url SHA-256 of the token without its signature: a session that is revoked burns its evidence by this hash. */
  readonly hash: string;
}

/** Checks one kind of evidence. Throws AttestationError and nothing else; all times are milliseconds since the epoch. */
export interface TrustProviderVerifier<Spec extends TrustProviderSpec = TrustProviderSpec> {
  verify(evidence: PresentedEvidence, spec: Spec, now: number): Promise<VerifiedEvidence>;
}
