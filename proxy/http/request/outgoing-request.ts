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

/** Messages that are coded, and a part under other names: of Azure Storage, and of servers of before RFC 2068. */
const NEVER_ASKED: ReadonlySet<string> = new Set([...TAKEN_MESSAGE_CODINGS, 'x-ms-range', 'request-range']);
const NOT_ASKED_OF_WHOLE: ReadonlySet<string> = new Set([...NEVER_ASKED, 'range', 'if-range']);

/** Asks for an answer, or messages, that are not coded. */
function expectUncoded(headers: HeaderList): void {
  headers.set('accept-encoding', 'identity');
  headers.deleteAll(NEVER_ASKED);
}

/** Asks for an answer that can be read as it comes. */
function expectWhole(headers: HeaderList): void {
  headers.set('accept-encoding', 'identity');
  headers.deleteAll(NOT_ASKED_OF_WHOLE);
}

/** Of all that will have to be found in the answer. */
function shortestBytes({ secrets, signatures }: Injected): number {
  const ofSecrets = secrets.map((secret) => secret.length);
  return Math.min(...ofSecrets, ...signatures.map(({ valueBytes }) => valueBytes));
}

/** Asks for an answer in which a secret can be found. */
function expectScrubbable({ method, headers }: RequestHead, injected: Injected): void {
  const ranges = headers.getAll('range');
  const range = method === 'GET' && ranges.length === 1 ? ranges[0] : undefined;
  if (range !== undefined && isSearchableRange(range, shortestBytes(injected))) expectUncoded(headers);
  else expectWhole(headers);
}
