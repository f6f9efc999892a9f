import { SidekeyError } from '../../common/errors.ts';
import { Secret } from '../../common/secret.ts';
import type { Binding, Grant, Injection } from '../../proto/gen/sidekey/v1/grant.ts';
import type { Destination } from '../../proto/gen/sidekey/v1/route.ts';
import type { Reason } from '../../proto/reasons.ts';
import type { HeaderList } from '../protocols/header-list.ts';
import { MIN_SECRET_BYTES } from './renderings.ts';

export { removeAgentCredentials } from './agent-credentials.ts';

/** The grant does not fit this call, or its credential does not fit its place. Never holds the credential. */
export class InjectionError extends SidekeyError {
  readonly reason: Reason;

  constructor(reason: 'binding-mismatch' | 'credential-invalid' | 'cleartext-refused', message: string) {
    super(reason, message);
    this.reason = reason;
  }
}

/** The call into which a credential goes, as it was decided. */
export interface InjectableRequest {
  readonly destination: Destination;
  readonly method: string;
  /** Canonical path, without query. */
  readonly path: string;
  readonly headers: HeaderList;
  /** Raw, without "?". */
  readonly query: string | undefined;
  /** The route allows a credential over plain HTTP (its TLS mode is plaintext). Otherwise only https is served. */
  readonly cleartextAllowed?: boolean;
}

export interface Injected {
  readonly query: string | undefined;
  /** What must not come back to the agent. The same array for every call under one grant, so that it can key a cache. */
  readonly secrets: readonly Secret[];
}

type Place =
  | { readonly in: 'nowhere' }
  | { readonly in: 'header'; readonly name: string; readonly value: string }
  | { readonly in: 'query'; readonly pair: string };

interface Prepared {
  readonly place: Place;
  readonly secrets: readonly Secret[];
}

const PREPARED = new WeakMap<Grant, Prepared>();
const NOTHING: Prepared = { place: { in: 'nowhere' }, secrets: [] };

/**
 * Puts the grant's credential into the request, after checking that the grant was given for exactly this call.
 * Changes `request.headers`; the query comes back.
 *
 * @throws InjectionError when the grant or its credential does not fit; the headers are then unchanged.
 */
export function injectCredential(grant: Grant, request: InjectableRequest): Injected {
  checkBinding(grant.binding, request);
  let prepared = PREPARED.get(grant);
  if (prepared === undefined) {
    prepared = prepare(grant.injection);
    PREPARED.set(grant, prepared);
  }
  const { place, secrets } = prepared;
  if (place.in === 'nowhere') return { query: request.query, secrets };
  if (request.destination.scheme !== 'https' && request.cleartextAllowed !== true) {
    throw new InjectionError('cleartext-refused', 'a credential may not travel over cleartext');
  }
  if (place.in === 'header') {
    request.headers.set(place.name, place.value);
    return { query: request.query, secrets };
  }
  return { query: request.query ? `${request.query}&${place.pair}` : place.pair, secrets };
}

function checkBinding(binding: Binding | undefined, request: InjectableRequest): void {
  const bound = binding?.destination;
  const { destination } = request;
  if (binding === undefined || bound === undefined)
    throw new InjectionError('binding-mismatch', 'the grant is unbound');
  const fits =
    bound.host === destination.host &&
    bound.port === destination.port &&
    bound.scheme === destination.scheme &&
    binding.method === request.method &&
    (binding.path === '' || binding.path === request.path);
  if (!fits) throw new InjectionError('binding-mismatch', 'the grant is for another call');
}

function prepare(injection: Injection | undefined): Prepared {
  const kind = injection?.kind;
  switch (kind?.$case) {
    case undefined:
      return NOTHING;
    case 'bearer': {
      // RFC 6750 section 2.1 says b64token; tokens in use hold other visible characters too, and none of those can break the field.
      const token = checkedText(kind.value.token, /^[\x21-\x7e]+$/);
      return header('Authorization', `Bearer ${token}`, [kind.value.token]);
    }
    case 'basic':
      return basic(kind.value.username, kind.value.password);
    case 'header': {
      const value = checkedText(kind.value.value, /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/);
      checkHeaderName(kind.value.name);
      if (!/^[\t\x20-\x7e]*$/.test(kind.value.prefix)) throw invalid('its prefix has bytes that a header cannot hold');
      return header(kind.value.name, `${kind.value.prefix}${value}`, [kind.value.value]);
    }
    case 'query': {
      checkLength(kind.value.value);
      if (kind.value.name === '') throw invalid('its query parameter has no name');
      const pair = `${percentEncode(Buffer.from(kind.value.name))}=${percentEncode(kind.value.value)}`;
      return { place: { in: 'query', pair }, secrets: [new Secret(kind.value.value)] };
    }
    default:
      // A newer control plane's way to inject, which this proxy cannot perform: never go on without it.
      throw invalid('its injection is of an unknown kind');
  }
}

/** RFC 7617 section 2: no colon in the user-id, no control characters in either. */
function basic(username: string, password: Buffer): Prepared {
  checkLength(password);
  if (/[:\x00-\x1f\x7f]/.test(username)) throw invalid('its user name has characters that Basic does not allow');
  if (password.some((byte) => byte < 0x20 || byte === 0x7f)) throw invalid('its password has control characters');
  const pair = Buffer.concat([Buffer.from(`${username}:`), password]).toString('base64');
  return header('Authorization', `Basic ${pair}`, [password, Buffer.from(pair)]);
}

function header(name: string, value: string, secrets: readonly Uint8Array[]): Prepared {
  return { place: { in: 'header', name, value }, secrets: secrets.map((bytes) => new Secret(bytes)) };
}

/** Fields that frame, route or belong to one hop; a credential in them would change what the message is. */
const FORBIDDEN_NAMES = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'max-forwards',
  'accept-encoding',
]);

function checkHeaderName(name: string): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || FORBIDDEN_NAMES.has(name.toLowerCase())) {
    throw invalid('its header name cannot carry a credential');
  }
}

function checkedText(bytes: Uint8Array, grammar: RegExp): string {
  checkLength(bytes);
  const text = Buffer.from(bytes).toString('latin1');
  if (!grammar.test(text)) throw invalid('it has bytes that its place does not allow');
  return text;
}

function checkLength(bytes: Uint8Array): void {
  // Shorter values occur in answers by chance and could not be kept from the agent.
  if (bytes.length < MIN_SECRET_BYTES) throw invalid(`it is shorter than ${MIN_SECRET_BYTES} bytes`);
}

/** Every byte outside RFC 3986's unreserved set, whatever its charset. */
function percentEncode(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9\-._~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function invalid(detail: string): InjectionError {
  return new InjectionError('credential-invalid', `the credential cannot be injected: ${detail}`);
}
