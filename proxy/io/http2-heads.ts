import { CHUNKED, type Framing, NO_BODY, type RequestHead, type ResponseHead } from '../protocols/heads.ts';
import { STATUS_CODES } from 'node:http';
import type { HeaderList } from '../protocols/header-list.ts';
import type { Http2RequestHead, Http2ResponseHead } from '../protocols/http2/heads.ts';

/**
 * A stream's head as every exchange reads it. `:authority` is told beside Host, so that the destination compares both
 * with what the connection proved.
 */
export function requestHeadOf(head: Http2RequestHead, endStream: boolean): RequestHead {
  const { path, headers, scheme, authority, protocol } = head;
  return {
    // A stream that opens another protocol is what GET with Upgrade is in HTTP/1.1 (RFC 8441 5).
    method: protocol === undefined ? head.method : 'GET',
    target: path,
    version: '2',
    headers,
    framing: framingOf(headers, endStream || protocol !== undefined),
    keepAlive: true,
    expectContinue: headers.get('expect')?.toLowerCase() === '100-continue',
    pseudo: { scheme, authority, protocol },
  };
}

/**
 * An answer on a stream, as every exchange reads it. Some answers have no content whether or not their head ends the stream
 * (RFC 9110 6.4.1): END_STREAM may come in an empty DATA frame behind it.
 */
export function responseHeadOf(
  { status, headers }: Http2ResponseHead,
  method: string,
  endStream: boolean,
): ResponseHead {
  const isBare = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  return {
    status,
    reason: STATUS_CODES[status] ?? '',
    version: '2',
    headers,
    framing: framingOf(headers, endStream || isBare),
    keepAlive: true,
  };
}

function framingOf(headers: HeaderList, endStream: boolean): Framing {
  if (endStream) return NO_BODY;
  const length = headers.get('content-length');
  return length === undefined ? CHUNKED : { kind: 'length', length: Number(length) };
}
