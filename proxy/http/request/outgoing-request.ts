import type { RequestHead } from '../../protocols/heads.ts';
import type { Grant } from '../../../proto/gen/sidekey/v1/grant.ts';
import { TAKEN_MESSAGE_CODINGS } from '../../credentials/scrubbing/decode-messages.ts';
import { type AgentClaims, injectCredential, type Injected, injectNothing } from '../../credentials/inject.ts';
import { viaEntry } from './admission.ts';
import { isSearchableRange } from '../byte-range.ts';
import { mayFilterAnswer } from '../../inspection/answer-filters.ts';
import type { HeaderList } from '../../protocols/header-list.ts';
import type { InspectedFacts } from '../../../proto/gen/sidekey/v1/route.ts';
import type { RequestDestination } from './destination.ts';
import type { PreparedRoute } from './route-table.ts';
import type { BodyLength, OutgoingRequest } from '../streams.ts';

/** A request and what its credentials ask of its way; their signatures are still to be made. */
export interface Prepared {
  readonly request: OutgoingRequest;
  readonly injected: Injected;
}

/** What is known of the way that the request takes. */
interface Way {
  readonly route: PreparedRoute;
  /** Our name in Via fields. */
  readonly via: string;
  readonly acceptsTrailers: boolean;
  readonly claims: AgentClaims;
  readonly inspected: InspectedFacts | undefined;
}

/**
 * The request as it leaves, credential last. The head's headers are used up: hop-by-hop fields and the agent's own
 * credentials must be gone from them already.
 *
 * @throws InjectionError when the grant, a credential or the request does not fit
 */
export function prepareRequest(
  head: RequestHead,
  destination: RequestDestination,
  grant: Grant | undefined,
  { route, via, acceptsTrailers, claims, inspected }: Way,
): Prepared {
  const { headers, method } = head;
  const injectable = {
    destination,
    claims,
    method,
    path: destination.path,
    headers,
    query: destination.query,
    cleartextAllowed: route.plaintextAllowed,
    hasBody: head.framing.kind !== 'none',
  };
  // OPTIONS is authorized like any call but carries no credential: its answer may reflect what it was sent.
  const isInjected = grant !== undefined && method !== 'OPTIONS';
  const injected = isInjected ? injectCredential(grant, injectable) : injectNothing(injectable);
  const { path, query, secrets, signatures } = injected;
  if (secrets.length > 0 || signatures.length > 0) expectScrubbable(head, injected);
  if (route.route !== undefined && mayFilterAnswer(route.route, inspected)) expectWhole(headers);
  const length = lengthOf(head, injected);
  headers.append('via', viaEntry(head.version, via));
  const target = query === undefined ? path : `${path}?${query}`;
  const { scheme, authority } = destination;
  const inTarget = path !== destination.path || query !== destination.query;
  const sensitive = inTarget ? new Set([...route.sensitive, ':path']) : route.sensitive;
  const request = { method, scheme, authority, target, headers, length, acceptsTrailers, sensitive };
  return { request, injected };
}

/** How long the body will be, with Content-Length to match. */
function lengthOf({ framing, headers }: RequestHead, injected: Injected): BodyLength {
  if (framing.kind === 'none') return 'none';
  if (framing.kind !== 'length') return 'unknown';
  const length = injected.contentLength?.(framing.length);
  if (length === framing.length) return 'declared';
  if (length === undefined) headers.delete('content-length');
  else headers.set('content-length', String(length));
  return length === undefined ? 'unknown' : 'declared';
}

/** Other names under which a part may be asked for: Azure Storage, and servers of before RFC 2068. */
const OTHER_RANGES = ['x-ms-range', 'request-range'] as const;

/** Asks for an answer, or messages, that are not coded. */
function expectUncoded(headers: HeaderList): void {
  headers.set('accept-encoding', 'identity');
  for (const name of TAKEN_MESSAGE_CODINGS) headers.delete(name);
  for (const name of OTHER_RANGES) headers.delete(name);
}

/** Asks for an answer that can be read as it comes. */
function expectWhole(headers: HeaderList): void {
  expectUncoded(headers);
  headers.delete('range');
  headers.delete('if-range');
}

/** Of all that will have to be found in the answer. */
function shortestBytes({ secrets, signatures }: Injected): number {
  const ofSecrets = secrets.map((secret) => secret.length);
  return Math.min(...ofSecrets, ...signatures.map(({ valueBytes }) => valueBytes));
}

/** Asks for an answer in which a secret can be found. */
function expectScrubbable({ method, headers }: RequestHead, injected: Injected): void {
  const [range, ...more] = headers.getAll('range');
  const isOne = method === 'GET' && range !== undefined && more.length === 0;
  if (isOne && isSearchableRange(range, shortestBytes(injected))) expectUncoded(headers);
  else expectWhole(headers);
}
