import type { RequestDestination } from './destination.ts';
import { Refusal } from './refusal.ts';
import type { PreparedRoute } from './route-table.ts';
import type { ProxyServices } from './services.ts';

/**
 * The route that covers this destination; undefined where configuration lets hosts without one through.
 *
 * @throws Refusal `draining`, `not-ready`, `no-route` or `cleartext-refused`
 */
export function findRoute(services: ProxyServices, destination: RequestDestination): PreparedRoute | undefined {
  if (services.state.draining) throw new Refusal('draining', 'the proxy is shutting down');
  if (!services.state.ready) throw new Refusal('not-ready', 'the proxy has no policy yet');
  const prepared = services.routes.find(destination.host, destination.port);
  if (prepared === undefined) {
    if (services.unrouted !== 'deny') return undefined;
    throw new Refusal('no-route', `no server workload covers ${destination.authority}`);
  }
  if (destination.scheme === 'http' && prepared.route?.injectsCredential && !prepared.plaintextAllowed) {
    throw new Refusal('cleartext-refused', 'a credential may not travel over cleartext HTTP');
  }
  return prepared;
}
