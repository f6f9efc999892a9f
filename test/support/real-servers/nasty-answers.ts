import type { Random } from '../random.ts';
import { chunked, FRAMING, SPLICES } from './nasty-requests.ts';

/** Answers of HTTP/1.1 on which clients disagree. */

const SPLIT = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsplit';
const STATUSES = ['200 OK', '200 OK', '200 OK', '404 Not Found', '500 Oh', '206 Partial Content', '302 Found'];
const ODD_STATUSES = [
  '204 No Content',
  '304 Not Modified',
  '205 Reset Content',
  '200',
  '200 ',
  '200 \xe9\xff',
  '200 O\tK',
  '099 X',
  '600 X',
  '1000 X',
  '20 X',
  '+200 X',
  '101 Switching Protocols',
];
const VERSIONS = ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', 'ICY', 'HTTP/01.1'];
const INTERIM = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  'HTTP/1.1 102 X\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n',
];
const FIELDS = [
  'Content-Type: text/plain',
  'Content-Type: text/event-stream',
  'Content-Type: application/json',
  'Content-Encoding: identity',
  'Content-Encoding: gzip',
  'Content-Encoding: chunked',
  'Content-Range: bytes 0-4/5',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: content-length',
  'Connection: transfer-encoding, close',
  'Keep-Alive: timeout=5, max=1',
  'Proxy-Connection: close',
  'Upgrade: h2c',
  'Trailer: X-T',
  'Content_Length: 3',
  'Set-Cookie: a=b',
  'Alt-Svc: h2=":1"',
  'X-High: \x80\x85\xff',
  'X-Empty:',
  ' folded: 1',
  'no colon',
  'X-Blank : 1',
  `X-Long: ${'v'.repeat(2_000)}`,
];

function mostly<T>(random: Random, right: T, others: readonly T[], oneIn: number): T {
  return random.below(oneIn) === 0 ? random.pick(others) : right;
}

/** What the server sends, and whether it ends the connection behind it. */
export function nastyAnswer(random: Random): { readonly text: string; readonly ends: boolean } {
  const text = random.pick(['', 'hello', SPLIT, `0\r\n\r\n${SPLIT}`, `${'x'.repeat(3_000)}\r\n\r\n${SPLIT}`, '\r\n']);
  const status = mostly(random, random.pick(STATUSES), ODD_STATUSES, 5);
  const fields = ['Server: a'];
  let body = text;
  let ends = random.below(5) === 0;
  const framing = random.below(8);
  if (framing < 3) fields.push(`Content-Length: ${mostly(random, '', ['0', '+', '-', ' '], 8)}${text.length}`);
  else if (framing < 5) {
    body = chunked(random, text);
    fields.push(mostly(random, 'Transfer-Encoding: chunked', FRAMING, 6));
  } else if (framing === 5) {
    body = random.below(2) === 0 ? chunked(random, text) : text;
    fields.push(random.pick(FRAMING), random.pick(FRAMING));
  } else ends = true;
  for (let count = random.below(3); count > 0; count -= 1) fields.push(random.pick(FIELDS));
  if (random.below(3) === 0) fields.reverse();
  const interim = random.below(8) === 0 ? random.pick(INTERIM) : '';
  const end = mostly(random, '\r\n', ['\n', '\r'], 40);
  let whole = `${interim}${mostly(random, 'HTTP/1.1', VERSIONS, 15)} ${status}${end}${fields.join(end)}${end}${end}${body}`;
  if (random.below(12) === 0) whole += random.pick([SPLIT, '\r\n', 'x', '0\r\n\r\n']);
  for (let edits = Math.max(0, random.below(5) - 3); edits > 0; edits -= 1) {
    const at = random.below(whole.length + 1);
    whole = whole.slice(0, at) + random.pick(SPLICES) + whole.slice(at + random.below(2));
  }
  return { text: whole, ends: ends || random.below(3) === 0 };
}
