import { HostError, isIpAddress, parseHost } from '../net/host.ts';

const WILDCARD = '*.';
/** Above the label count that any wildcard can reach: a name has at most 127 labels. */
const EXACT = 1000;

/**
 * The canonical form of a host pattern: a host, or `*.` and a name, which covers one or more labels below that name.
 * Throws HostError.
 */
export function parseHostPattern(text: string): string {
  if (!text.startsWith(WILDCARD)) return parseHost(text);
  const base = parseHost(text.slice(WILDCARD.length));
  if (isIpAddress(base)) throw new HostError('a wildcard cannot stand before an IP address');
  return WILDCARD + base;
}

/** Whether a canonical pattern covers a canonical host. `*.example.com` covers `a.b.example.com`, not `example.com`. */
export function matchHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith(WILDCARD)) return pattern === host;
  const suffix = pattern.slice(1);
  return host.length > suffix.length && host.endsWith(suffix);
}

/** Higher is more specific: an exact host before every wildcard, then the wildcard with more labels. */
export function hostSpecificity(pattern: string): number {
  return pattern.startsWith(WILDCARD) ? pattern.split('.').length : EXACT;
}
