import { hostSpecificity, matchHost } from './host-pattern.ts';

/** What a route covers: canonical host patterns (`parseHostPattern`) and ports. */
export interface Covers {
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/**
 * The route for a canonical host and port. The most specific host pattern wins; among equals the first in the list.
 * The proxy and the control plane both use this one matcher, so that they cannot disagree (attack A-21).
 */
export function findRoute<T extends Covers>(routes: readonly T[], host: string, port: number): T | undefined {
  let found: T | undefined;
  let foundSpecificity = -1;
  for (const route of routes) {
    if (!route.ports.includes(port)) continue;
    for (const pattern of route.hosts) {
      if (!matchHost(pattern, host)) continue;
      const specificity = hostSpecificity(pattern);
      if (specificity > foundSpecificity) {
        found = route;
        foundSpecificity = specificity;
      }
    }
  }
  return found;
}
