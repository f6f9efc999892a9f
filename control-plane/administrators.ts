import { checkAuthorities, loadText, readAuthorities } from '../common/text-file.ts';
import type { AdminOptions } from './api/rest/admin.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { FollowedFiles } from './followed-files.ts';

/** The operator names this issuer, not a tenant, so it may be anywhere: company ones mostly have private addresses. */
const ANYWHERE = ['0.0.0.0/0', '::/0'];

/** Who administers by OpenID tokens; the file of authorities is followed. @throws UsageError */
export function administratorsOf({ adminOidc }: ControlPlaneConfig, files: FollowedFiles): AdminOptions['oidc'] {
  if (!adminOidc) return undefined;
  const { audience, caFile, claim, issuer, tenantClaim, value } = adminOidc;
  const selectors = { all: [{ claim, equals: value }] };
  const administrators = { issuer, audience, selectors, tenantClaim, allowedAddresses: ANYWHERE };
  if (caFile === undefined) return administrators;
  const option = '--admin-oidc-ca-file';
  const followed = files.follow(
    "the authorities of administrators' issuer",
    readAuthorities(caFile, option),
    () => loadText(caFile, option),
    (text) => void checkAuthorities(text, caFile, option),
  );
  return {
    ...administrators,
    get ca() {
      return followed.held;
    },
  };
}
