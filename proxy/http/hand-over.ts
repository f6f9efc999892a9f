import type { SessionState } from '../../policy-client/index.ts';
import type { LiveExchange } from './services.ts';

/**
 * Asks anew about every running call of the session's user, and cuts those of any other: their upstream takes them for that one,
 * of whose revocation this proxy is told no more.
 */
export function handOver(live: Iterable<LiveExchange>, session: SessionState | undefined): void {
  for (const exchange of live) {
    const { call } = exchange;
    if (call.session !== undefined && session !== undefined && call.session.user !== session.user) {
      exchange.cut('session-expired');
      continue;
    }
    call.session = session ?? call.session;
    exchange.reauthorize();
  }
}
