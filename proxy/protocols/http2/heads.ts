import { HeaderList } from '../header-list.ts';
import { isTarget, isToken } from '../http1/characters.ts';
import { type Field, FieldKind } from './field.ts';
import { Http2StreamError, malformedMessage } from './http2-error.ts';

/** A request's control data and fields (RFC 9113 8.3.1). */
export interface Http2RequestHead {
  readonly method: string;
  /** Empty for CONNECT without `protocol` (RFC 9113 8.5). */
  readonly scheme: string;
  /** `:authority`, or else Host; `headers` keeps Host, so that who has both can compare them. */
  readonly authority: string;
  /** Empty for CONNECT without `protocol`. */
  readonly path: string;
  /** Extended CONNECT (RFC 8441 4). */
  readonly protocol?: string | undefined;
  /** Regular fields; Cookie is one field (RFC 9113 8.2.3). */
  readonly headers: HeaderList;
  /** Names, `:path` included, whose values enter no compression table, beside those that are never indexed. */
  readonly sensitive?: ReadonlySet<string> | undefined;
}

/** A response's status and fields (RFC 9113 8.3.2). */
export interface Http2ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
  readonly sensitive?: ReadonlySet<string> | undefined;
}

/** A decoded block, as HpackDecoder leaves it. */
export interface DecodedBlock {
  readonly fields: readonly Field[];
  readonly sensitive: ReadonlySet<string>;
  readonly tooLarge: boolean;
}

/** What a block says, sorted. A pseudo-field that is missing is undefined. */
interface Sorted {
  method: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  protocol: string | undefined;
  status: string | undefined;
  host: string | undefined;
  contentLength: string | undefined;
  headers: HeaderList;
}

const MAX_LENGTH_DIGITS = 15;

/** Reads a request; our settings always allow `:protocol`. Throws Http2StreamError. */
export function readRequestHead(block: DecodedBlock): Http2RequestHead {
  const sorted = sort(block);
  if (sorted.status !== undefined) throw malformedMessage(':status in a request (RFC 9113 8.3)');
  const { method, protocol, headers } = sorted;
  if (method === undefined || !isToken(method)) throw malformedMessage('no :method, or no token (RFC 9113 8.3.1)');
  if (protocol !== undefined && (method !== 'CONNECT' || !isToken(protocol))) {
    throw malformedMessage('a :protocol that may not stand here (RFC 8441 4)');
  }
  const authority = sorted.authority ?? sorted.host;
  if (authority === undefined || !isAuthority(authority)) {
    throw malformedMessage('no authority, or one out of form (RFC 9113 8.3.1)');
  }
  if (method === 'CONNECT' && protocol === undefined) {
    if (sorted.authority === undefined || sorted.scheme !== undefined || sorted.path !== undefined) {
      throw malformedMessage('CONNECT with other than :authority (RFC 9113 8.5)');
    }
    return { method, scheme: '', authority, path: '', protocol, headers };
  }
  const { scheme, path } = sorted;
  if (scheme === undefined || !isScheme(scheme)) throw malformedMessage('no :scheme, or out of form (RFC 9113 8.3.1)');
  if (path === undefined || !isPath(path, method)) throw malformedMessage('no :path, or out of form (RFC 9113 8.3.1)');
  return { method, scheme, authority, path, protocol, headers };
}

/** Reads a response, interim ones included. Throws Http2StreamError. */
export function readResponseHead(block: DecodedBlock): Http2ResponseHead {
  const { authority, headers, method, path, protocol, scheme, status } = sort(block);
  if ((method ?? scheme ?? authority ?? path ?? protocol) !== undefined) {
    throw malformedMessage('a pseudo-field of requests in a response (RFC 9113 8.3)');
  }
  if (status === undefined || !/^[1-5][0-9][0-9]$/.test(status)) {
    throw malformedMessage('no :status, or one outside 100 to 599 (RFC 9113 8.3.2, RFC 9110 15)');
  }
  // RFC 9113 8.6: there is no 101 in HTTP/2.
  if (status === '101') throw malformedMessage('status 101 (RFC 9113 8.6)');
  return { status: Number(status), headers };
}

/** Reads a trailer section (RFC 9113 8.1); fields that frame or route the message come too late in it. */
export function readTrailers(block: DecodedBlock): HeaderList {
  const { fields } = block;
  for (const { kind } of fields) {
    if (kind >= FieldKind.method && kind <= FieldKind.status) {
      throw malformedMessage('a pseudo-field in trailers (RFC 9113 8.1)');
    }
    if (kind === FieldKind.contentLength || kind === FieldKind.host) {
      throw malformedMessage('a field in trailers that frames or routes the message (RFC 9110 6.5.1)');
    }
  }
  return sort(block).headers;
}

/** The Content-Length of checked headers, in octets; -1 if there is none. */
export function contentLengthOf(headers: HeaderList): number {
  const value = headers.get('content-length');
  return value === undefined ? -1 : Number(value);
}

function sort(block: DecodedBlock): Sorted {
  if (block.tooLarge) throw new Http2StreamError('ENHANCE_YOUR_CALM', 'a header section over the limit');
  const raw: string[] = [];
  const names: string[] = [];
  const sorted: Sorted = {
    method: undefined,
    scheme: undefined,
    authority: undefined,
    path: undefined,
    protocol: undefined,
    status: undefined,
    host: undefined,
    contentLength: undefined,
    headers: new HeaderList(raw, names),
  };
  sorted.headers.neverIndexed = block.sensitive;
  let cookieAt = 0;
  for (const field of block.fields) {
    const { name, value } = field;
    switch (field.kind) {
      case FieldKind.regular:
        break;
      case FieldKind.cookie:
        // RFC 9113 8.2.3: crumbs are joined before anybody else sees them.
        if (cookieAt > 0) {
          raw[cookieAt] = `${raw[cookieAt]}; ${value}`;
          continue;
        }
        cookieAt = raw.length + 1;
        break;
      case FieldKind.host:
        sorted.host = once(sorted.host, value, 'two Host fields (RFC 9110 7.2)');
        break;
      case FieldKind.contentLength:
        sorted.contentLength = once(sorted.contentLength, value, 'two Content-Length fields (RFC 9110 8.6)');
        if (!isLength(value)) throw malformedMessage('a Content-Length that is no number (RFC 9110 8.6)');
        break;
      case FieldKind.te:
        if (value !== 'trailers') throw malformedMessage('TE with other than trailers (RFC 9113 8.2.2)');
        break;
      default:
        takePseudo(sorted, field);
        if (names.length > 0) throw malformedMessage('a pseudo-field behind a regular one (RFC 9113 8.3)');
        continue;
    }
    raw.push(name, value);
    names.push(name);
  }
  return sorted;
}

function takePseudo(sorted: Sorted, { kind, value }: Field): void {
  const message = 'a pseudo-field twice (RFC 9113 8.3)';
  switch (kind) {
    case FieldKind.method:
      sorted.method = once(sorted.method, value, message);
      return;
    case FieldKind.scheme:
      sorted.scheme = once(sorted.scheme, value, message);
      return;
    case FieldKind.authority:
      sorted.authority = once(sorted.authority, value, message);
      return;
    case FieldKind.path:
      sorted.path = once(sorted.path, value, message);
      return;
    case FieldKind.protocol:
      sorted.protocol = once(sorted.protocol, value, message);
      return;
    case FieldKind.status:
      sorted.status = once(sorted.status, value, message);
      return;
    case FieldKind.connectionSpecific:
      throw malformedMessage('a connection-specific field (RFC 9113 8.2.2)');
    case FieldKind.unknownPseudo:
      throw malformedMessage('an unknown pseudo-field (RFC 9113 8.3)');
    case FieldKind.badName:
      throw malformedMessage('a field name that is no lower-case token (RFC 9113 8.2.1)');
    default:
      throw malformedMessage('a field value with a character that it may not hold (RFC 9113 8.2.1)');
  }
}

function once(known: string | undefined, value: string, message: string): string {
  if (known !== undefined) throw malformedMessage(message);
  return value;
}

function isLength(text: string): boolean {
  return text.length <= MAX_LENGTH_DIGITS && /^[0-9]+$/.test(text);
}

function isScheme(text: string): boolean {
  return text === 'https' || text === 'http' || /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text);
}

/** Visible ASCII with neither path, query, fragment nor userinfo (RFC 9113 8.3.1); what it names is the caller's. */
function isAuthority(text: string): boolean {
  return isTarget(text) && !/[@/?\\]/.test(text);
}

/** RFC 9113 8.3.1: it starts with "/", or is "*" for OPTIONS. It is not what proxies of HTTP/1.1 take. */
function isPath(text: string, method: string): boolean {
  return (text.charCodeAt(0) === 0x2f && isTarget(text)) || (text === '*' && method === 'OPTIONS');
}
