import { findNear } from '../common/near-names.ts';

/** Every variable that Sidekey reads, whichever command does. `test/unit/cli/variables.test.ts` compares it with the code. */
export const VARIABLES: ReadonlySet<string> = new Set(
  [
    'HOME SERVER TENANT TOKEN TOKEN_FILE CA_FILE',
    'CONTROL_PLANE CONTROL_PLANE_CA EVIDENCE AUTHORITY UNROUTED UPSTREAM_CA SPOOL_DIR LIMITS LOG_LEVEL',
    'UPSTREAM_PROXY UPSTREAM_PROXY_PASSWORD_FILE UPSTREAM_NO_PROXY',
    'TRANSPARENT LOCAL REFUSE_PORT ALLOW_UID ALLOW_REMOTE SELF_TEST LISTEN ADMIN AGENT_DIR AUTHORITY_FILE',
    'PROXY_TOKEN_FILE DRAIN_SECONDS',
    'PROXY PROXY_CA ISOLATION PROXY_UID TRANSPARENT_PORT',
    'DATA_DIR DATABASE_URL GRPC_LISTEN REST_LISTEN METRICS_LISTEN TLS_CERT_FILE TLS_KEY_FILE TLS_CA_FILE SERVER_NAME PUBLIC_URL',
    'LOCAL_TRUST_SOCKET SEALING_KEY_FILE SEALING_KEYS',
    'ADMIN_OIDC_ISSUER ADMIN_OIDC_AUDIENCE ADMIN_OIDC_CLAIM ADMIN_OIDC_TENANT_CLAIM ADMIN_OIDC_CA_FILE',
  ].flatMap((line) => line.split(' ').map((name) => `SIDEKEY_${name}`)),
);

/** Longer names than any of ours; the work for a name grows with its length. */
const MAX_NAME_LENGTH = 60;

export interface Misspelling {
  readonly name: string;
  readonly meant: string;
}

/**
 * Variables that look like one of Sidekey's and are none: a setting that is left out unseen, such as one that keeps
 * others out. Others of the prefix are left alone, as clusters make SIDEKEY_SERVICE_HOST of a service's name.
 */
export function findMisspellings(names: readonly string[]): Misspelling[] {
  return names.flatMap((name) => {
    if (!name.startsWith('SIDEKEY_') || VARIABLES.has(name) || name.length > MAX_NAME_LENGTH) return [];
    const [meant] = findNear(name, [...VARIABLES]);
    return meant === undefined ? [] : [{ name, meant }];
  });
}
