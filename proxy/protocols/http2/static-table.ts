import { Field, kindOfName } from './field.ts';

/** RFC 7541 appendix A; the first has index 1. */
const ENTRIES = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split('\n');

function readEntry(line: string): Field {
  const blank = line.indexOf(' ');
  const name = blank === -1 ? line : line.slice(0, blank);
  return new Field(name, kindOfName(name), blank === -1 ? '' : line.slice(blank + 1));
}

/** `STATIC_FIELDS[index - 1]`. */
export const STATIC_FIELDS: readonly Field[] = ENTRIES.map(readEntry);
export const STATIC_COUNT: number = STATIC_FIELDS.length;

/** Where a name stands in the static table: its first index, and the index of each value it has there. */
export interface StaticName {
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
}

export const STATIC_NAMES: ReadonlyMap<string, StaticName> = indexNames();

function indexNames(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  for (const [at, { name, value }] of STATIC_FIELDS.entries()) {
    const known = names.get(name) ?? { index: at + 1, values: new Map<string, number>() };
    if (value !== '') known.values.set(value, at + 1);
    names.set(name, known);
  }
  return names;
}
