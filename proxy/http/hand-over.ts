import type { SessionState } from '../../policy-client/index.ts';
import type { LiveExchange } from './services.ts';

/**
 * Asks anew about every running call of whom the session is of, and cuts those of anybody else: their upstream takes them for
 * that one, of whose revocation this proxy is told no more.
 */
export function handOver(live: Iterable<LiveExchange>, session: SessionState | undefined): void {
  for (const exchange of live) {
    const { call } = exchange;
    if (call.session !== undefined && session !== undefined && !isSameCaller(call.session, session)) {
      exchange.cut('session-expired');
      continue;
    }
    call.session = session ?? call.session;
    exchange.reauthorize();
  }
}

/** Whether one may be the other's renewal: of the same user, and of one workload at least. */
function isSameCaller(one: SessionState, other: SessionState): boolean {
  return one.user === other.user && one.workloads.some((name) => other.workloads.includes(name));
}
