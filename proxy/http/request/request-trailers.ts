import type { Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { refusePlaceholders, removeAgentCredentials } from '../../credentials/inject.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import { stripTrailers } from '../forwarded-headers.ts';

/**
 * Makes a request's trailers fit for the upstream, as its head was: a server may merge them into that (RFC 9110 6.5.1).
 *
 * @returns names of the credentials that were removed
 * @throws InjectionError `placeholder-refused`
 */
export function cleanTrailers(trailers: HeaderList, route: Route | undefined): readonly string[] {
  const { removed } = removeAgentCredentials({ headers: trailers, query: undefined }, route);
  stripTrailers(trailers);
  refusePlaceholders(trailers);
  return removed;
}
