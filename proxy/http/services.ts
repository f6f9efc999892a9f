import type { ByteBudget } from '../../common/byte-budget.ts';
import type { Clock } from '../../common/clock.ts';
import type { Roster, Rostered } from '../../common/roster.ts';
import type { Secret } from '../../common/secret.ts';
import type { DpopNonces } from '../credentials/signing/dpop-nonces.ts';
import type { PolicyClient } from '../../policy-client/index.ts';
import type { CertificateAuthority } from '../intercept/certificate-authority.ts';
import type { ProxyLimits } from '../limits.ts';
import type { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { Call } from './call.ts';
import type { RouteTable } from './request/route-table.ts';
import type { Standing } from './standing.ts';
import type { Upstreams } from './upstreams.ts';

/** Something live that a revocation, or the end of a lease, can cut. */
export interface LiveExchange extends Rostered {
  readonly call: Call;
  /** By the monotonic clock. */
  readonly deadlineAt: number;
  /** The grant under which it goes on (the call's own is the one that was injected), and until when. */
  readonly standing: Pick<Standing, 'grant' | 'leaseEndsAt'>;
  cut(reason: Reason): void;
  /** The deadline passed. */
  expire(): void;
  /** Asks again whether the running call is still allowed; cuts it when not. */
  reauthorize(): void;
}

/** What every connection and exchange of one proxy shares. */
export interface ProxyServices {
  readonly client: PolicyClient;
  readonly routes: RouteTable;
  readonly pool: Upstreams;
  readonly limits: ProxyLimits;
  readonly clock: Clock;
  /** As `performance.now()`, a clock that nobody sets; for deadlines, and no more exact than they need. */
  readonly monotonicMs: () => number;
  /** For bodies that wait for whoever is to take them. */
  readonly held: ByteBudget;
  readonly dpopNonces: DpopNonces;
  /** Our name in Via fields. */
  readonly via: string;
  readonly unrouted: 'deny' | 'tunnel' | 'observe';
  readonly proxyToken: Secret | undefined;
  /** Ports of protocols whose server speaks first: connections by address to them are refused at once. */
  readonly refusedPorts: ReadonlySet<number>;
  readonly live: Roster<LiveExchange>;
  readonly state: { draining: boolean; ready: boolean };
  authority(): CertificateAuthority | undefined;
  /** Writes the one decision record of a call and counts it. */
  ended(call: Call, outcome: Outcome, reason: Reason): void;
}
