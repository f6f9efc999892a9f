import type { HeaderList } from '../../protocols/header-list.ts';
import type { Scrubber } from './scrub.ts';

/** They speak of the authentication that Sidekey did, and challenge the agent to do its own. */
const AUTHENTICATION_HEADERS: ReadonlySet<string> = new Set([
  'www-authenticate',
  'authentication-info',
  'authentication-control',
  'optional-www-authenticate',
]);
/** Ways round the proxy: other endpoints and protocols for the same origin (RFC 7838, A-10), and the upstream's own proxies. */
const BYPASS_HEADERS: ReadonlySet<string> = new Set([
  'alt-svc',
  'alt-used',
  'proxy-authenticate',
  'proxy-authentication-info',
]);
const SEPARATOR = '\0';

/** What Sidekey did to the call whose answer comes back. */
export interface Authentication {
  /** Of the secrets that went with it; undefined where none did, as with a client certificate. */
  readonly scrubber: Scrubber | undefined;
  /** A credential went with it or was used for it. */
  readonly isAuthenticated: boolean;
}

/**
 * Makes an answer's headers or trailers fit for the agent, in place; returns how many values held a secret. When Sidekey did
 * not authenticate the call, only what leads round the proxy is dropped.
 */
export function scrubHeaders(headers: HeaderList, { scrubber, isAuthenticated }: Authentication): number {
  dropAll(headers, BYPASS_HEADERS);
  if (isAuthenticated) dropAll(headers, AUTHENTICATION_HEADERS);
  if (scrubber === undefined) return 0;
  const { raw } = headers;
  if (scrubber.holds([raw, headers.names]) === false) return 0;
  let hits = 0;
  const tainted: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const value = scrubber.scrubText(raw[at + 1] ?? '');
    hits += value.hits;
    raw[at + 1] = value.text;
    const spelled = headers.names[at >> 1] ?? '';
    if (scrubber.scrubText(`${spelled}${SEPARATOR}${raw[at] ?? ''}`).hits > 0) tainted.push(spelled);
  }
  // A name that gives the secret away goes with its value: a masked name would be another header.
  for (const name of tainted) headers.delete(name);
  return hits + tainted.length;
}

function dropAll(headers: HeaderList, names: ReadonlySet<string>): void {
  const { raw } = headers;
  let at = 0;
  while (at < raw.length) {
    const name = raw[at] ?? '';
    // What follows moves up into its place.
    if (names.has(name)) headers.delete(name);
    else at += 2;
  }
}
