import type { Route } from '../../proto/gen/sidekey/v1/route.ts';
import { readingsOf } from '../../common/inspection/parameter-name.ts';
import { foldHeaderName } from '../../common/match/header-name.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import { type AgentClaims, NO_CLAIMS } from './injection/scheme.ts';
import { cookiesOf, isCookieOf, setCookies } from './injection/cookie.ts';
import { placeholderIn } from './injection/placeholder-search.ts';
import { isNeverForwarded, NEVER_FORWARDED_QUERY } from './never-forwarded.ts';
import { parameterNames } from './parameter-name.ts';

/** The part of a request in which credentials may stand. */
export interface CredentialedHead {
  readonly headers: HeaderList;
  /** Raw, without "?"; undefined when the target has none. */
  readonly query: string | undefined;
}

export interface RemovedCredentials {
  /** `header:name`, `cookie:name` and `query:name`, each once, never a value. */
  readonly removed: string[];
  readonly query: string | undefined;
  /** Of what was removed, that which tells how the agent would have signed. */
  readonly claims: AgentClaims;
}

/** Removed on routes that inject: every place where the APIs we know of look for a credential. */
export const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'x-api-key',
  'api-key',
  'apikey',
  'x-apikey',
  'x-api-token',
  'x-auth-key',
  'x-auth-email',
  'x-auth-token',
  'x-access-token',
  'x-token',
  'x-authorization',
  'x-goog-api-key',
  'x-goog-iam-authorization-token',
  'x-amz-security-token',
  'x-amz-s3session-token',
  'dpop',
  'x-functions-key',
  'ocp-apim-subscription-key',
  'x-vault-token',
  'x-gitlab-token',
  'private-token',
  'job-token',
  'deploy-token',
  'x-github-token',
  'x-shopify-access-token',
  'x-figma-token',
  'x-honeycomb-team',
  'dd-api-key',
  'dd-application-key',
  'circle-token',
  'fastly-key',
  'x-algolia-api-key',
  'x-amz-access-token',
  'x-consul-token',
  'x-hasura-access-key',
  'x-hasura-admin-secret',
  'x-nomad-token',
  'x-octopus-apikey',
  'x-postmark-account-token',
  'x-postmark-server-token',
  'x-rapidapi-key',
  'x-subscription-token',
  'x-tableau-auth',
  'xi-api-key',
  'x-ms-token-aad-access-token',
]);

/** Query names, lower case. `access_token` is RFC 6750 section 2.3; the rest are API keys and presigned URLs. */
const CREDENTIAL_QUERY = new Set([
  'access_token',
  'api_key',
  'api-key',
  'apikey',
  'auth_token',
  'oauth_token',
  'private_token',
  'job_token',
  'client_secret',
  'subscription-key',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
  'x-goog-credential',
  'x-goog-signature',
  'googleaccessid',
  'sig',
]);

/**
 * Takes out of a request what the agent may not say for itself. On a route that injects, all credential places go: the
 * built-in ones and those that the route names. Call it after the hop-by-hop headers are stripped and before injecting,
 * so that nothing that the agent sent can take away or stand beside what is injected. A placeholder is no
 * credential: it stays, and injection puts something in its place or refuses it.
 */
export function removeAgentCredentials(head: CredentialedHead, route: Route | undefined): RemovedCredentials {
  const removed: string[] = [];
  const injects = route?.injectsCredential === true;
  const { query } = head;
  const claims = injects ? { authorization: head.headers.getAll('authorization'), query } : NO_CLAIMS;
  if (injects && route.credentialCookies.length > 0) removeCookies(head.headers, placesOf(route).cookies, removed);
  const names = namesToRemove(head.headers, injects ? route : undefined);
  if (names !== undefined) {
    head.headers.deleteAll(names);
    // The proxy's own token is where it belongs, so it is no event.
    for (const name of names) if (name !== 'proxy-authorization') removed.push(`header:${name}`);
  }
  if (query === undefined || query === '') return { removed, query, claims };
  return { removed, query: cleanQuery(query, injects ? route : undefined, removed), claims };
}

function namesToRemove(headers: HeaderList, route: Route | undefined): Set<string> | undefined {
  const credentials = route === undefined ? undefined : placesOf(route).headers;
  let found: Set<string> | undefined;
  const { raw } = headers;
  for (let at = 0; at < raw.length; at += 2) {
    const sent = raw[at] ?? '';
    const name = foldHeaderName(sent);
    const isCredential = credentials?.has(name) === true;
    if (isCredential && route !== undefined && stays(route, name, raw[at + 1] ?? '')) continue;
    if (!isCredential && !isNeverForwarded(name)) continue;
    found ??= new Set();
    found.add(sent);
  }
  return found;
}

function stays(route: Route, name: string, value: string): boolean {
  // Where a cookie is the credential, others beside it may be needed: the named ones went already.
  const isCookies = name === 'cookie' && route.credentialCookies.length > 0;
  return isCookies || placeholderIn(value) !== undefined;
}

function removeCookies(headers: HeaderList, named: Places['cookies'], removed: string[]): void {
  const kept = cookiesOf(headers).filter((cookie) => {
    const name = named.find(({ isOurs }) => isOurs(cookie))?.name;
    if (name === undefined || placeholderIn(cookie) !== undefined) return true;
    if (!removed.includes(`cookie:${name}`)) removed.push(`cookie:${name}`);
    return false;
  });
  setCookies(headers, kept);
}

interface Places {
  readonly headers: ReadonlySet<string>;
  readonly query: ReadonlySet<string>;
  readonly cookies: readonly { readonly name: string; readonly isOurs: (cookie: string) => boolean }[];
}

const PLACES_OF = new WeakMap<Route, Places>();

/** The built-in ones and the route's own, folded; made once for each route. */
function placesOf(route: Route): Places {
  let places = PLACES_OF.get(route);
  if (places === undefined) {
    places = {
      headers: new Set([...CREDENTIAL_HEADERS, ...route.credentialHeaders.map(foldHeaderName)]),
      query: new Set([...CREDENTIAL_QUERY, ...route.credentialQueryParameters.flatMap(readingsOf)]),
      cookies: route.credentialCookies.map((name) => ({ name, isOurs: isCookieOf(name) })),
    };
    PLACES_OF.set(route, places);
  }
  return places;
}

function cleanQuery(query: string, route: Route | undefined, removed: string[]): string | undefined {
  const credentials = route === undefined ? undefined : placesOf(route).query;
  // Some servers part the query at ";" too, so a key behind one counts; the separators stay with what follows them.
  let kept = '';
  let from = 0;
  for (let at = 1; at <= query.length; at += 1) {
    if (at < query.length && query[at] !== '&' && query[at] !== ';') continue;
    const piece = query.slice(from, at);
    from = at;
    const names = parameterNames(isSeparator(piece[0]) ? piece.slice(1) : piece);
    let name = names.find((one) => NEVER_FORWARDED_QUERY.has(one));
    if (name === undefined && credentials !== undefined && placeholderIn(piece) === undefined) {
      name = names.find((one) => credentials.has(one));
    }
    if (name === undefined) kept += piece;
    else if (!removed.includes(`query:${name}`)) removed.push(`query:${name}`);
  }
  if (kept.length === query.length) return query;
  const rest = isSeparator(kept[0]) ? kept.slice(1) : kept;
  return rest === '' ? undefined : rest;
}

function isSeparator(char: string | undefined): boolean {
  return char === '&' || char === ';';
}
