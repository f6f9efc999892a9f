import { SidekeyError } from '../../common/errors.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { JwksConfiguration } from './jwks-source.ts';

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

export interface KubernetesSpec extends JwksConfiguration {
  readonly type: 'kubernetes';
  readonly issuer: string;
  readonly audience: string;
}

export type OidcPreset = 'github-actions' | 'gitlab' | 'terraform-cloud';

export interface OidcSpec extends JwksConfiguration {
  readonly type: 'oidc';
  /** Needed unless the preset gives it. */
  readonly issuer?: string | undefined;
  readonly audience: string;
  readonly preset?: OidcPreset | undefined;
  readonly for?: 'workload' | 'user' | undefined;
}

export interface LocalSpec {
  readonly type: 'local';
}

/** The `spec` of a TrustProvider resource. */
export type TrustProviderSpec = KubernetesSpec | OidcSpec | LocalSpec;

/** Checks one kind of evidence. Throws AttestationError and nothing else; all times are milliseconds since the epoch. */
export interface TrustProviderVerifier<Spec extends TrustProviderSpec = TrustProviderSpec> {
  verify(evidence: PresentedEvidence, spec: Spec, now: number): Promise<VerifiedEvidence>;
}
