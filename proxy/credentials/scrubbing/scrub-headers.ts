import type { HeaderList } from '../../protocols/header-list.ts';
import { CREDENTIAL_HEADERS } from '../agent-credentials.ts';
import { cookieName } from '../injection/cookie.ts';
import { maskFields } from './mask-fields.ts';
import type { Scrubber } from './scrub.ts';

/** They speak of the authentication that Sidekey did, and challenge the agent to do its own. */
const AUTHENTICATION_HEADERS: ReadonlySet<string> = new Set([
  'www-authenticate',
  'authorization',
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
/** Where the agent's own credentials are removed, one that a server sets is of no use to it on this route. */
const DROPPED: ReadonlySet<string> = new Set([...BYPASS_HEADERS, ...AUTHENTICATION_HEADERS, ...CREDENTIAL_HEADERS]);
const SEPARATOR = '\0';

/** What Sidekey did to the call whose answer comes back. */
export interface Authentication {
  /** Of the secrets that went with it; undefined where none did, as with a client certificate. */
  readonly scrubber: Scrubber | undefined;
  /** A credential went with it or was used for it. */
  readonly isAuthenticated: boolean;
  /** `droppedFieldsWith` of those that the credentials are in. */
  readonly droppedFields?: ReadonlySet<string>;
  /** Names of cookies that are credentials here: a value that the server sets is one too. */
  readonly credentialCookies?: readonly string[] | undefined;
  /** Names of fields and parameters that hold fresh secrets. */
  readonly maskedFields?: readonly string[] | undefined;
}

/** What an answer loses of its head when these headers, and others, hold the credentials of its call. */
export function droppedFieldsWith(headers: readonly string[]): ReadonlySet<string> {
  return headers.length === 0 ? DROPPED : new Set([...DROPPED, ...headers.map((name) => name.toLowerCase())]);
}

/**
 * Makes an answer's headers or trailers fit for the agent, in place; returns how many values held a secret, or were one. When Sidekey did
 * not authenticate the call, only what leads round the proxy is dropped.
 */
export function scrubHeaders(headers: HeaderList, authentication: Authentication): number {
  const {
    scrubber,
    isAuthenticated,
    credentialCookies = [],
    droppedFields = DROPPED,
    maskedFields = [],
  } = authentication;
  headers.deleteAll(isAuthenticated ? droppedFields : BYPASS_HEADERS);
  let hits = 0;
  if (isAuthenticated && credentialCookies.length > 0) hits = dropCookies(headers, credentialCookies);
  if (maskedFields.length > 0) maskFields(headers, maskedFields);
  if (scrubber === undefined) return hits;
  const { raw } = headers;
  if (scrubber.holds([raw, headers.names]) === false) return hits;
  const tainted = new Set<string>();
  for (let at = 0; at < raw.length; at += 2) {
    const value = scrubber.scrubText(raw[at + 1] ?? '');
    hits += value.hits;
    raw[at + 1] = value.text;
    const name = raw[at] ?? '';
    if (scrubber.scrubText(`${headers.names[at >> 1] ?? ''}${SEPARATOR}${name}`).hits > 0) tainted.add(name);
  }
  // A name that gives the secret away goes with its value: a masked name would be another header.
  return hits + headers.deleteAll(tainted);
}

function dropCookies(headers: HeaderList, names: readonly string[]): number {
  const all = headers.getAll('set-cookie');
  const kept = all.filter((cookie) => !names.includes(cookieName(cookie)));
  if (kept.length === all.length) return 0;
  headers.delete('set-cookie');
  for (const cookie of kept) headers.append('Set-Cookie', cookie);
  return all.length - kept.length;
}
