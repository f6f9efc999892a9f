import { UsageError } from '../../common/errors.ts';
import type { Secret } from '../../common/secret.ts';
import { verifyEvidenceToken } from '../attestation/evidence-token.ts';
import type { JwksCache } from '../attestation/jwks-cache.ts';
import type { JwksConfiguration } from '../attestation/jwks-source.ts';
import { matchesSelectors } from '../policy/selectors.ts';
import type { Selectors } from '../resources/kinds.ts';
import type { Clock } from '../../common/clock.ts';

/** Who administers, and where. */
export interface AdminIdentity {
  /** `bootstrap`, or issuer and subject of the token; stands in the record of what was done. */
  readonly subject: string;
  /** Tenants that may be administered; `*` is all of them, and the tenants themselves. */
  readonly tenants: '*' | readonly string[];
}

/** Resolves to undefined for a token that is not an administrator's; never throws for what a caller sent. */
export type AdminAuthenticator = (token: string) => Promise<AdminIdentity | undefined>;

/** People and tools of one OpenID issuer who are administrators. */
export interface OidcAdministrators extends JwksConfiguration {
  readonly issuer: string;
  readonly audience: string;
  /** Claims that make an administrator, such as membership in a group. */
  readonly selectors: Selectors;
  readonly tenants: '*' | readonly string[];
}

export interface AdminOptions {
  readonly bootstrapToken: Secret | undefined;
  readonly oidc: readonly OidcAdministrators[];
  readonly jwks: JwksCache;
  readonly clock: Clock;
}

const SHORTEST_TOKEN = 20;
const LONGEST_TOKEN = 16_384;

/** The API is never open: without a bootstrap token and without OpenID administrators this throws. */
export function createAdminAuthenticator(options: AdminOptions): AdminAuthenticator {
  const { bootstrapToken, oidc, jwks, clock } = options;
  if (bootstrapToken === undefined && oidc.length === 0) {
    throw new UsageError(
      'admin-missing',
      'configure a bootstrap token or OpenID administrators: the API is never open',
    );
  }
  if (bootstrapToken !== undefined && bootstrapToken.length < SHORTEST_TOKEN) {
    throw new UsageError('bootstrap-token-short', `the bootstrap token must have ${SHORTEST_TOKEN} bytes or more`);
  }
  return async (token) => {
    if (token.length > LONGEST_TOKEN) return undefined;
    if (bootstrapToken?.equals(token) === true) return { subject: 'bootstrap', tenants: '*' };
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
    for (const administrators of oidc) {
      const admin = await verifyAdministrator(token, administrators, jwks, clock.now()).catch(() => undefined);
      if (admin !== undefined) return admin;
    }
    return undefined;
  };
}

async function verifyAdministrator(
  token: string,
  administrators: OidcAdministrators,
  jwks: JwksCache,
  now: number,
): Promise<AdminIdentity | undefined> {
  const { issuer, audience, selectors, tenants } = administrators;
  const { payload } = await verifyEvidenceToken(token, {
    issuer,
    audience,
    now,
    keys: (keyId) => jwks.keysFor(issuer, administrators, keyId),
  });
  return matchesSelectors(selectors, payload) ? { subject: `${issuer}#${payload.sub}`, tenants } : undefined;
}
