import type { Random } from '../random.ts';

/** Requests of HTTP/1.1 on which servers disagree, some of them in order. */

export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: api.test\r\nX-Case: smuggled\r\n\r\n';
/** Takes the head behind it for a value. */
export const OPEN_SMUGGLED = 'GET /smuggled HTTP/1.1\r\nX-Case: smuggled\r\nX-Pad: ';

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'QUERY',
  'PRI',
  'PROPFIND',
  'get',
  'X-A',
  "M'|~",
];
const TARGETS = [
  '',
  '?a=b',
  '?',
  '/%41',
  '/%e4%bd%a0',
  '/a:b@c',
  '/a%3Fb',
  '/*',
  '?x=/../y',
  '/a%20b',
  '/(a)',
  '/%23',
  '/{a}',
  '/x?y?z',
  '//x',
  '/../x',
  ';a=b',
];
const FIELDS = [
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Content-Length',
  'Connection: Host, X-Case',
  'Connection: Transfer-Encoding, close',
  'Keep-Alive: timeout=1, max=1',
  'Proxy-Connection: close',
  'TE: trailers',
  'TE: chunked',
  'Trailer: X-T',
  'Expect: 100-continue',
  'Expect: 100-Continue',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'HTTP2-Settings: AAMAAABkAAQAAP__',
  'Content_Length: 3',
  'Content-Length-: 3',
  'Transfer_Encoding: chunked',
  'X-Transfer-Encoding: chunked',
  'Content-Encoding: gzip',
  'Content-Encoding: chunked',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Range: bytes 0-1/5',
  'Cookie: a=b',
  'Cookie: c=d; e="f',
  'Range: bytes=0-1',
  'If-None-Match: *',
  'X-Empty:',
  'X-Tab:\ta\tb\t',
  'X-High: \x80\x85\xa0\xff',
  'X-Utf8: \xe2\x80\xa8\xc0\xae',
  'X-Quote: "a\\"',
  'Forwarded: host=other.test',
  'X-Forwarded-Host: other.test',
  'X-Original-URL: /smuggled',
  'X-Rewrite-URL: /smuggled',
  'X-HTTP-Method-Override: DELETE',
  'Max-Forwards: 3',
  "!#$%&'*+-.^_`|~9: a",
  'A: b',
  `X-Long: ${'v'.repeat(3_000)}`,
  `${'x-name-'.repeat(40)}: v`,
];
export const FRAMING = [
  'Content-Length: 0',
  'Content-Length: 00',
  'Content-Length: 5',
  'Content-Length: 05',
  'Content-Length: 010',
  'Content-Length: +5',
  'Content-Length: 5 ',
  'Content-Length:5\t',
  'Content-Length: 5, 5',
  'Content-Length: 0x5',
  'Content-Length: 5;a',
  'Content-Length:',
  'Content-Length: 999999999999999999999',
  'content-LENGTH: 5',
  'Content-Length : 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: CHUNKED',
  'Transfer-Encoding:chunked ',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding: , chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: x\r\n chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: chunked\xa0',
  '\x00Transfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
];
const SIZES = [
  (size: number) => size.toString(16),
  (size: number) => size.toString(16).toUpperCase(),
  (size: number) => `00${size.toString(16)}`,
  (size: number) => size.toString(16),
  (size: number) => `${size.toString(16)} `,
  (size: number) => `${size.toString(16)};a=b`,
  (size: number) => `${size.toString(16)};a="\r\n"`,
  (size: number) => `0x${size.toString(16)}`,
  (size: number) => `+${size.toString(16)}`,
  (size: number) => `${size.toString(16)}\t`,
  (size: number) => `1000000000000000${size.toString(16)}`,
];
const TRAILERS = [
  '',
  '',
  '',
  'X-T: 1\r\n',
  'X-T: 1\r\nX-U:\r\n',
  'Content-Length: 5\r\n',
  'Host: other.test\r\n',
  ': a\r\n',
  `X-T: ${'t'.repeat(2_000)}\r\n`,
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r'];
export const SPLICES = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\x0b',
  '\x0c',
  '\x1c',
  '\x7f',
  '\x85',
  '\xff',
  '\r\n ',
  '\n\n',
  '#',
  '0\r\n\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
];

/** Often what is right, so that much of it passes. */
function mostly<T>(random: Random, right: T, others: readonly T[], oneIn = 4): T {
  return random.below(oneIn) === 0 ? random.pick(others) : right;
}

export function chunked(random: Random, content: string): string {
  let text = '';
  for (let at = 0; at < content.length; ) {
    const piece = content.slice(at, at + 1 + random.below(content.length));
    const size = mostly(random, random.pick(SIZES.slice(0, 3)), SIZES, 12);
    text += `${size(piece.length)}\r\n${piece}${mostly(random, '\r\n', ENDS, 16)}`;
    at += piece.length;
  }
  return `${text}${mostly(random, '0', ['00', '000000', '0;a', ' 0', '-0'], 8)}\r\n${random.pick(TRAILERS)}\r\n`;
}

function content(random: Random): string {
  const kind = random.below(6);
  if (kind === 0) return '';
  if (kind === 1) return 'hello';
  if (kind === 2) return SMUGGLED;
  if (kind === 3) return OPEN_SMUGGLED;
  if (kind === 4) return `0\r\n\r\n${SMUGGLED}`;
  return `${'x'.repeat(random.below(3) * 2_000)}\r\n0\r\n\r\n${OPEN_SMUGGLED}`;
}

/** One request; `name` is its X-Case and stands in its path. */
function request(random: Random, scheme: string, authority: string, name: string): string {
  const method = mostly(random, random.pick(METHODS.slice(0, 5)), METHODS);
  const folder = random.below(3) === 0 ? 'ignore' : 'read';
  const path = `/${folder}/${name.replace('.', '/')}${mostly(random, '', TARGETS, 3)}`;
  const version = mostly(random, 'HTTP/1.1', ['HTTP/1.0', 'HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 '], 10);
  const host = mostly(
    random,
    authority,
    ['other.test', authority.toUpperCase(), 'api.test', `${authority}, a`, `a@${authority}`],
    20,
  );
  const fields = [`Host: ${host}`, `X-Case: ${name}`];
  for (let count = random.below(4); count > 0; count -= 1) fields.push(random.pick(FIELDS));
  const text = content(random);
  let body = text;
  const framing = random.below(8);
  if (framing < 3) fields.push(`Content-Length: ${random.below(8) === 0 ? '0' : ''}${text.length}`);
  else if (framing < 6) {
    body = chunked(random, text);
    fields.push(mostly(random, 'Transfer-Encoding: chunked', FRAMING, 8));
  } else if (framing === 6) {
    fields.push(random.pick(FRAMING));
    if (random.below(2) === 0) fields.push(random.pick(FRAMING));
  } else body = '';
  if (random.below(3) === 0) fields.reverse();
  const end = mostly(random, '\r\n', ENDS, 40);
  return `${method} ${scheme}://${authority}${path} ${version}${end}${fields.join(end)}${end}${end}${body}`;
}

export function nastyRequests(random: Random, authority: string, name: number, scheme = 'http'): string {
  let text = '';
  for (let index = 0, count = 1 + random.below(3); index < count; index += 1) {
    text += request(random, scheme, authority, `${name}.${index}`);
  }
  for (let edits = Math.max(0, random.below(6) - 3); edits > 0; edits -= 1) {
    const at = random.below(text.length + 1);
    text = text.slice(0, at) + random.pick(SPLICES) + text.slice(at + random.below(2));
  }
  return text;
}
