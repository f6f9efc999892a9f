import { SidekeyError } from '../../common/errors.ts';
import type { Secret } from '../../common/secret.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { JwtCredentialSpec, OAuth2ClientCredentialsSpec } from '../resources/kinds.ts';

/** A credential could not be made. The message never holds a secret, nor text that a provider sent. */
export class CredentialError extends SidekeyError {
  readonly reason: Reason;

  constructor(message: string, options?: ErrorOptions & { reason?: Reason }) {
    const reason = options?.reason ?? 'credential-unavailable';
    super(reason, message, options);
    this.reason = reason;
  }
}

export interface StaticSpec {
  readonly type: 'static';
  readonly secret: Secret;
}

export type ClientAuthentication =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly clientSecret: Secret }
  | {
      readonly method: 'private_key_jwt';
      /** PKCS #8 PEM or a private JWK in JSON. */
      readonly privateKey: Secret;
      readonly keyId?: string | undefined;
      readonly algorithm: 'ES256' | 'ES384' | 'RS256' | 'PS256' | 'EdDSA';
    };

export interface ClientCredentialsSpec extends Omit<OAuth2ClientCredentialsSpec, 'auth' | 'boundTo' | 'replaces'> {
  readonly auth: ClientAuthentication;
}

export type JwtSpec = Omit<JwtCredentialSpec, 'replaces'>;

/** The `spec` of a CredentialProvider resource with its sealed secrets opened. */
export type CredentialSpec = StaticSpec | ClientCredentialsSpec | JwtSpec;

/** Whom and what the credential is for. */
export interface MintContext {
  readonly tenant: string;
  /** Name of the CredentialProvider, and the change that made the tenant's policy: no older one answers from a cache. */
  readonly credential: string;
  readonly version: string;
  readonly workload: string;
  readonly user: string | undefined;
  readonly serverWorkload: string;
  /** Verified claims, for templates. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface MintedCredential {
  readonly secret: Secret;
  /** Handed out no later than this, in milliseconds since the epoch (see `usableUntil`); undefined when it does not expire. */
  readonly notAfter: number | undefined;
}

const MARGIN_MS = 5_000;

/** A credential is not handed out in its last seconds, so that the call it is for gets through: a tenth of its life, at most 5 s. */
export function usableUntil(bornAt: number, expiresAt: number): number {
  return expiresAt - Math.min(MARGIN_MS, (expiresAt - bornAt) / 10);
}

/** Makes credentials. Throws CredentialError and nothing else. */
export interface CredentialMinter<Spec extends CredentialSpec = CredentialSpec> {
  mint(spec: Spec, context: MintContext): Promise<MintedCredential>;
  /** Forgets what is held for this credential of this tenant, or for the whole tenant. */
  forget(tenant: string, credential?: string): void;
}
