import { formatAuthority } from '../../../common/net/host.ts';
import { mayPass } from '../../../policy-client/denial.ts';
import { REASONS } from '../../../proto/reasons.ts';
import type { RequestDestination } from './destination.ts';
import { Refusal } from '../../refusal.ts';
import type { PreparedRoute } from './route-table.ts';
import type { ProxyServices } from '../services.ts';

/**
 * Whether a call may begin, of whatever kind.
 *
 * @throws Refusal `draining`, `not-ready`, `overloaded` where its record would find no room, or what the control plane refuses this
 * proxy for, which no waiting will change
 */
export function assertServing({ state, client, live }: ProxyServices): void {
  if (state.draining) throw new Refusal('draining', 'the proxy is shutting down');
  if (!client.hasRoomBeside(live.size)) throw new Refusal('overloaded', 'too many decisions wait to be recorded');
  if (state.ready) return;
  const { lastFailure } = client.stats();
  if (lastFailure !== undefined && !mayPass(lastFailure)) throw new Refusal(lastFailure, REASONS[lastFailure].summary);
  throw new Refusal('not-ready', 'the proxy has no policy yet');
}

/**
 * The route that covers this destination; undefined where configuration lets hosts without one through.
 *
 * @throws Refusal as `assertServing`, `no-route` or `cleartext-refused`
 */
export function findRoute(services: ProxyServices, destination: RequestDestination): PreparedRoute | undefined {
  assertServing(services);
  const prepared = services.routes.find(destination.host, destination.port);
  if (prepared === undefined) {
    if (services.unrouted !== 'deny') return undefined;
    throw new Refusal('no-route', `no server workload covers ${formatAuthority(destination.host, destination.port)}`);
  }
  if (destination.scheme === 'http' && prepared.route?.injectsCredential && !prepared.plaintextAllowed) {
    throw new Refusal('cleartext-refused', 'a credential may not travel over cleartext HTTP');
  }
  return prepared;
}
