import type { Reason } from '../../proto/reasons.ts';
import type { AuthorizeRequest } from '../../proto/gen/sidekey/v1/proxy.ts';
import type { GrantCache } from './grant-cache.ts';
import type { PolicyName } from '../watch/policy-name.ts';
import type { RevocationSet } from '../watch/revocation-set.ts';
import type { RouteVersions } from '../watch/route-versions.ts';
import type { PolicyClientLimits, SessionState } from '../types.ts';

/** The stream that questions go out on; `authorizer-link.ts` keeps one open. */
export interface AskPort {
  readonly session: { readonly state: SessionState };
  ask(request: AuthorizeRequest): void;
}

export interface AuthorizerOptions {
  readonly tenant: string;
  readonly cache: GrantCache;
  readonly revocations: RevocationSet;
  readonly limits: PolicyClientLimits;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** Of the last snapshot. */
  readonly policy: () => PolicyName;
  readonly routeVersions: RouteVersions;
  /** Why nothing can be asked. */
  readonly downReason: () => Reason;
}
