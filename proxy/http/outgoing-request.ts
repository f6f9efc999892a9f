import type { RequestHead } from '../protocols/heads.ts';
import type { Secret } from '../../common/secret.ts';
import type { Grant } from '../../proto/gen/sidekey/v1/grant.ts';
import { injectCredential } from '../credentials/inject.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import type { RequestDestination } from './destination.ts';
import type { PreparedRoute } from './route-table.ts';
import type { BodyLength, OutgoingRequest } from './streams.ts';

export interface Prepared {
  readonly request: OutgoingRequest;
  /** What must not come back to the agent; undefined when nothing was injected. */
  readonly secrets: readonly Secret[] | undefined;
}

/** What is known of the way that the request takes. */
interface Way {
  readonly route: PreparedRoute;
  /** Our entry in Via fields. */
  readonly via: string;
  readonly acceptsTrailers: boolean;
}

/**
 * The request as it leaves, credential last. The head's headers are used up: hop-by-hop fields and the agent's own
 * credentials must be gone from them already.
 *
 * @throws InjectionError when the grant or its credential does not fit
 */
export function prepareRequest(
  head: RequestHead,
  destination: RequestDestination,
  grant: Grant | undefined,
  { route, via, acceptsTrailers }: Way,
): Prepared {
  const { headers, method } = head;
  let { query } = destination;
  let secrets: readonly Secret[] | undefined;
  // OPTIONS is authorized like any call but carries no credential: its answer may reflect what it was sent.
  if (grant !== undefined && method !== 'OPTIONS') {
    const injected = injectCredential(grant, {
      destination,
      method,
      path: destination.path,
      headers,
      query,
      cleartextAllowed: route.plaintextAllowed,
    });
    query = injected.query;
    if (injected.secrets.length > 0) {
      secrets = injected.secrets;
      expectScrubbable(headers);
    }
  }
  headers.append('via', via);
  const target = query === undefined ? destination.path : `${destination.path}?${query}`;
  const { scheme, authority } = destination;
  const { sensitive } = route;
  const length = bodyLength(head);
  return { request: { method, scheme, authority, target, headers, length, acceptsTrailers, sensitive }, secrets };
}

/** Asks for an answer in which a secret can be found. */
function expectScrubbable(headers: HeaderList): void {
  headers.set('accept-encoding', 'identity');
  // Pieces of an echo would each be too short to be recognised; a whole answer is always allowed (RFC 9110 14.2).
  headers.delete('range');
  headers.delete('if-range');
}

function bodyLength({ framing }: RequestHead): BodyLength {
  if (framing.kind === 'none') return 'none';
  return framing.kind === 'length' ? 'declared' : 'unknown';
}
