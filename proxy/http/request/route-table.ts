import type { Route } from '../../../proto/gen/sidekey/v1/route.ts';
import { DecisionFact, TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { parseCidr } from '../../../common/net/cidr.ts';
import { ALL_PATHS, type PathForms, STRICT_PATHS } from '../../../common/match/path.ts';
import { findRoute } from '../../../common/match/route-match.ts';
import { BoundedCache } from '../../../common/bounded-cache.ts';
import type { DialTarget } from './dial-target.ts';

/** A route with what is derived from it once: how to dial, and which facts its policies read. */
export interface PreparedRoute {
  readonly route: Route | undefined;
  readonly plaintextAllowed: boolean;
  readonly readsQuery: boolean;
  readonly readsHeaders: boolean;
  /** Fields in which credentials stand, so that no compression table of HTTP/2 keeps them. */
  readonly sensitive: ReadonlySet<string>;
  /** Spellings of a path that this server is known to tell apart. */
  readonly pathForms: PathForms;
  dialTarget(scheme: 'http' | 'https', host: string, port: number): DialTarget;
}

/** The proxy's routes, looked up by destination through the one matcher that the control plane uses too. */
export class RouteTable {
  #byRoute = new Map<Route, PreparedRoute>();
  readonly #found = new BoundedCache<string, PreparedRoute | 'none'>(4096);
  #routes: readonly Route[] = [];
  /** What was found last: calls come in runs to one host, and each asks twice. */
  #last: { readonly host: string; readonly port: number; readonly prepared: PreparedRoute | undefined } | undefined;
  #generation = 0;

  /** All or nothing: a route that cannot be prepared leaves the table as it was. */
  replace(routes: readonly Route[]): void {
    const generation = this.#generation + 1;
    const byRoute = new Map(routes.map((route) => [route, prepareRoute(route, generation)]));
    this.#generation = generation;
    this.#routes = routes;
    this.#byRoute = byRoute;
    this.#found.clear();
    this.#last = undefined;
  }

  find(host: string, port: number): PreparedRoute | undefined {
    const last = this.#last;
    if (last !== undefined && last.port === port && last.host === host) return last.prepared;
    const prepared = this.#find(host, port);
    this.#last = { host, port, prepared };
    return prepared;
  }

  #find(host: string, port: number): PreparedRoute | undefined {
    const key = `${host}:${port}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known === 'none' ? undefined : known;
    const route = findRoute(this.#routes, host, port);
    const prepared = route === undefined ? undefined : this.#byRoute.get(route);
    this.#found.set(key, prepared ?? 'none');
    return prepared;
  }

  /** The forms of paths that may go to this host and port. Where no route leads there, no policy reads paths, and all may. */
  readonly pathForms = (host: string, port: number): PathForms => this.find(host, port)?.pathForms ?? ALL_PATHS;
}

const ANY_VERSION = Object.freeze(['h2', 'http/1.1'] as const);
const HTTP1_ALONE = Object.freeze(['http/1.1'] as const);
const HTTP2_ALONE = Object.freeze(['h2'] as const);

/** How hosts without a route are reached when configuration lets them through. */
export const UNROUTED: PreparedRoute = prepareRoute(undefined, 0);

/**
 * `generation` keeps what is dialled for a call that was decided under earlier routes apart, so that no later call is
 * sent over a connection that was checked by their terms.
 */
function prepareRoute(route: Route | undefined, generation: number): PreparedRoute {
  const allowedAddresses = (route?.allowedAddresses ?? []).map((text) => parseCidr(text));
  const serverName = route?.tls?.serverName ? route.tls.serverName : undefined;
  const caPem = route?.tls?.caPem ?? '';
  const name = `${generation}|${route?.serverWorkload ?? ''}`;
  // Nothing chooses a version without TLS (RFC 9113 3.3), so policy has to say it.
  const inCleartext = route?.protocol === 'h2c' ? HTTP2_ALONE : HTTP1_ALONE;
  const targets = new BoundedCache<string, DialTarget>(256);
  // By its parts, so that a run of calls to one place builds no key.
  let last: DialTarget | undefined;
  return {
    route,
    plaintextAllowed: route?.tls?.mode === TlsMode.TLS_MODE_PLAINTEXT,
    readsQuery: route?.decisionFacts.includes(DecisionFact.DECISION_FACT_QUERY) ?? false,
    pathForms: route?.agent?.paths ?? STRICT_PATHS,
    readsHeaders: route?.decisionFacts.includes(DecisionFact.DECISION_FACT_HEADERS) ?? false,
    sensitive: new Set((route?.credentialHeaders ?? []).map((name) => name.toLowerCase())),
    dialTarget(scheme, host, port) {
      if (last?.host === host && last.port === port && last.tls === (scheme === 'https')) return last;
      const key = `${name}|${scheme}://${host}:${port}`;
      const known = targets.get(key);
      const tls = scheme === 'https';
      const versions = tls ? ANY_VERSION : inCleartext;
      last = known ?? { key, host, port, tls, versions, serverName, caPem, allowedAddresses };
      if (known === undefined) targets.set(key, last);
      return last;
    },
  };
}

/**
 * Whether a call that was made ready to leave by the terms of one route may leave under the other: how and where it is dialled, what
 * was removed from it and what its answer goes through are the same.
 */
export function leavesAlike(one: PreparedRoute, other: PreparedRoute): boolean {
  return one === other || termsOf(one.route) === termsOf(other.route);
}

/** All but what is matched and asked before, so that a term that comes to be counts. */
function termsOf(route: Route | undefined): string {
  const asked = { hosts: [], ports: [], decisionFacts: [], selectors: [], inspectLimitBytes: 0, failMode: undefined };
  return route === undefined ? '' : JSON.stringify({ ...route, ...asked, placeholders: [] });
}
