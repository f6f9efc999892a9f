import type { Secret } from '../../../common/secret.ts';
import { CLOCK_SKEW_SECONDS, readUnverifiedIssuer, verifyEvidenceToken } from '../../attestation/evidence-token.ts';
import { type JwksCache, type JwksConfiguration, OPERATOR } from '../../attestation/jwks-cache.ts';
import { AttestationError } from '../../attestation/trust-provider.ts';
import { matchesSelectors, readClaim, SelectorError } from '../../policy/selectors.ts';
import { userName } from '../../policy/user-name.ts';
import type { Selectors } from '../../resources/kinds.ts';
import type { Clock } from '../../../common/clock.ts';

/** Who administers, and where. */
export interface AdminIdentity {
  /** `bootstrap`, or issuer and subject of the token; stands in the record of what was done. */
  readonly subject: string;
  /** Tenants that may be administered; `*` is all of them, and the tenants themselves. */
  readonly tenants: '*' | readonly string[];
  /** Milliseconds since the epoch at which the token ends; that of the bootstrap token never does. */
  readonly notAfter: number;
}

/** Why a token is not an administrator's; `message` is for whoever sent it. */
export interface AdminRefusal {
  readonly subject: undefined;
  readonly message: string;
}

/** Never throws for what a caller sent. */
export type AdminAuthenticator = (token: string) => Promise<AdminIdentity | AdminRefusal>;

/** People and tools of one OpenID issuer who are administrators. */
export interface OidcAdministrators extends JwksConfiguration {
  readonly issuer: string;
  readonly audience: string;
  /** Claims that make an administrator, such as membership in a group. */
  readonly selectors: Selectors;
  /** Names the tenants that its holder administers, `*` all of them; without it, every administrator has all. */
  readonly tenantClaim?: string | undefined;
}

export interface AdminOptions {
  readonly bootstrapToken: Secret;
  readonly oidc: OidcAdministrators | undefined;
  readonly jwks: JwksCache;
  readonly clock: Clock;
}

/** By the bootstrap token, or a token of this issuer. */
export function createAdminAuthenticator(options: AdminOptions): AdminAuthenticator {
  const { bootstrapToken, oidc, clock } = options;
  return async (token) => {
    if (bootstrapToken.equals(token)) return { subject: 'bootstrap', tenants: '*', notAfter: Infinity };
    if (oidc === undefined || oidc.issuer !== readUnverifiedIssuer(token)) return UNKNOWN;
    return verifyAdministrator(options, token, oidc, clock.now());
  };
}

/** What whoever shows no token at all is told. */
export const NOT_SHOWN = refuse('Send the bootstrap token or an OpenID token of an administrator.');
/** Of two replicas each has a bootstrap token of its own. */
const UNKNOWN = refuse(
  'The token is neither the bootstrap token of this control plane nor of an issuer of administrators.',
);

function refuse(message: string): AdminRefusal {
  return { subject: undefined, message };
}

async function verifyAdministrator(
  { jwks }: AdminOptions,
  token: string,
  administrators: OidcAdministrators,
  now: number,
): Promise<AdminIdentity | AdminRefusal> {
  const { issuer, audience, selectors, tenantClaim } = administrators;
  try {
    const keys = (keyId: string | undefined) => jwks.keysFor(OPERATOR, issuer, administrators, keyId);
    const { payload } = await verifyEvidenceToken(token, { issuer, audience, now, keys });
    if (!matchesSelectors(selectors, payload))
      return refuse('The OpenID token is good, but its claims do not make an administrator.');
    const tenants = tenantClaim === undefined ? '*' : tenantsIn(readClaim(payload, tenantClaim));
    const notAfter = (payload.exp + CLOCK_SKEW_SECONDS) * 1_000;
    if (tenants.length > 0) return { subject: userName(issuer, payload.sub), tenants, notAfter };
    return refuse(`The OpenID token is good, but its claim ${tenantClaim} names no tenant.`);
  } catch (error) {
    if (error instanceof SelectorError) return refuse(`The OpenID token is good, but ${error.message}.`);
    if (!(error instanceof AttestationError)) throw error;
    return refuse(`The OpenID token is refused: ${error.message} (${error.reason}).`);
  }
}

/** A name, or a list of names; what else it may be names none. */
function tenantsIn(claim: unknown): AdminIdentity['tenants'] {
  const names = (Array.isArray(claim) ? claim : [claim]).filter(
    (name): name is string => typeof name === 'string' && name !== '',
  );
  return names.includes('*') ? '*' : names;
}
