import { SignJWT } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import type { Clock } from '../../common/clock.ts';
import { UsageError } from '../../common/errors.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface IssuerOptions {
  /** The control plane's public https URL, without a trailing slash: what every `iss` begins with. */
  readonly url: string;
  readonly keys: SigningKeys;
  readonly clock: Clock;
}

/**
 * Sidekey's own OpenID issuers, one for each tenant, so that no tenant can make a token that passes for another's: subject and
 * audience are what a tenant's templates say, `iss` is not. They sign with the same rotating ES256 keys; others verify by discovery.
 */
export class Issuer {
  readonly #url: string;
  readonly #keys: SigningKeys;
  readonly #clock: Clock;

  constructor(options: IssuerOptions) {
    if (!/^https:\/\/[^?#]*[^?#/]$/.test(options.url)) {
      throw new UsageError('issuer-url', "the issuer's URL must be https, without query, fragment or trailing slash");
    }
    this.#url = options.url;
    this.#keys = options.keys;
    this.#clock = options.clock;
  }

  /** `iss` of a tenant's tokens. */
  issuerOf(tenant: string): string {
    return `${this.#url}/tenants/${tenant}`;
  }

  /**
   * OpenID Connect Discovery 1.0 section 3, as far as a verifier of tokens needs it. Served below the tenant's issuer, for any
   * name: whether there is such a tenant is not told.
   */
  discovery(tenant: string): object {
    return {
      issuer: this.issuerOf(tenant),
      jwks_uri: `${this.#url}/.well-known/jwks.json`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'],
    };
  }

  /** Served at `/.well-known/jwks.json`; may be cached for `JWKS_MAX_AGE_SECONDS`. */
  jwks(): { readonly keys: readonly JWK[] } {
    return { keys: this.#keys.published() };
  }

  /** Signs claims for `ttlSeconds` from now; `iss`, `iat`, `nbf` and `exp` are the issuer's own. Answers times in milliseconds. */
  async sign(
    tenant: string,
    claims: JWTPayload,
    ttlSeconds: number,
  ): Promise<{ token: string; issuedAt: number; notAfter: number }> {
    const key = this.#keys.current();
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: key.id })
      .setIssuer(this.issuerOf(tenant))
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(nowSeconds + ttlSeconds)
      .sign(key.privateKey);
    return { token, issuedAt: nowSeconds * 1000, notAfter: (nowSeconds + ttlSeconds) * 1000 };
  }
}

/** Shorter than a new key is published ahead of its first signature. */
export const JWKS_MAX_AGE_SECONDS = 900;
