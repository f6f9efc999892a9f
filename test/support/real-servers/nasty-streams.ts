import { data, END_HEADERS, END_STREAM, headers } from '../protocols/http2-frames.ts';
import type { Random } from '../random.ts';
import { OPEN_SMUGGLED, SMUGGLED } from './nasty-requests.ts';

/** Requests of HTTP/2 on which servers of HTTP/1.1 behind a proxy could disagree. */

type Pair = readonly [string, string];

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'];
const ODD_METHODS = ['GET /smuggled HTTP/1.1\r\nX: ', 'get', 'CONNECT', 'TRACE', 'GET ', '', 'PRI'];
const ODD_PATHS = [
  '*',
  '',
  '/ HTTP/1.1\r\nX-A: b',
  '/a b',
  '/\x80',
  '/a#b',
  'http://api.test/',
  '//x',
  '/a?b=c d',
  '/a?b=\x00',
  '/%41',
];
const FIELDS: readonly Pair[] = [
  ['cookie', 'a=b'],
  ['cookie', 'c=d'],
  ['cookie', 'e=f; g=h'],
  ['te', 'trailers'],
  ['te', 'chunked'],
  ['connection', 'content-length'],
  ['transfer-encoding', 'chunked'],
  ['keep-alive', 'timeout=1'],
  ['upgrade', 'h2c'],
  ['proxy-connection', 'close'],
  ['expect', '100-continue'],
  ['x-high', '\x80\xa0\xff'],
  ['x-crlf', `a\r\ntransfer-encoding: chunked`],
  ['x-lf', 'a\ncontent-length: 0'],
  ['x-nul', 'a\0b'],
  ['x-blank', ' a '],
  ['x-tab', '\ta\t'],
  ['x a', 'b'],
  ['x:a', 'b'],
  ['x\r\ncontent-length: 0\r\ny', 'b'],
  ['transfer-encoding\t', 'chunked'],
  ['Transfer-Encoding', 'chunked'],
  ['content_length', '3'],
  [':path', '/smuggled'],
  [':method', 'DELETE'],
  [':status', '200'],
  [':protocol', 'websocket'],
  ['host', 'other.test'],
  ['trailer', 'x-t'],
  ['max-forwards', '0'],
];

function lengths(random: Random, length: number): readonly Pair[] {
  switch (random.below(10)) {
    case 0:
      return [['content-length', String(length + 1)]];
    case 1:
      return [['content-length', '0']];
    case 2:
      return [['content-length', `0${length}`]];
    case 3:
      return [
        ['content-length', `+${length}`],
        ['content-length', String(length)],
      ];
    case 4:
      return [['content-length', ` ${length}`]];
    case 5:
    case 6:
      return [['content-length', String(length)]];
    default:
      return [];
  }
}

function stream(random: Random, scheme: string, authority: string, name: string, id: number): Buffer[] {
  const pick = <T>(right: T, others: readonly T[], oneIn: number): T =>
    random.below(oneIn) === 0 ? random.pick(others) : right;
  const folder = random.below(3) === 0 ? 'ignore' : 'read';
  const body = random.pick(['', 'hello', SMUGGLED, OPEN_SMUGGLED, `0\r\n\r\n${SMUGGLED}`, 'x'.repeat(5_000)]);
  const pairs: Pair[] = [
    [':method', pick(random.pick(METHODS), ODD_METHODS, 12)],
    [':scheme', pick(scheme, ['http', 'https', 'http://api.test/?', ''], 30)],
    [':authority', pick(authority, ['other.test', 'a@api.test', `${authority} `, ''], 30)],
    [':path', pick(`/${folder}/${name.replace('.', '/')}`, ODD_PATHS, 12)],
    ['x-case', name],
    ...lengths(random, body.length),
  ];
  for (let count = random.below(3); count > 0; count -= 1) pairs.push(random.pick(FIELDS));
  if (random.below(30) === 0) pairs.splice(random.below(4), 1);
  const trailers: Pair[] = [
    random.pick<Pair>([
      ['x-t', '1'],
      ['x-t', 'a\r\nb: c'],
      ['content-length', '5'],
      ['host', 'a'],
      [':path', '/a'],
    ]),
  ];
  const hasTrailers = random.below(5) === 0;
  if (body === '' && !hasTrailers) return [headers(id, pairs, END_HEADERS | END_STREAM)];
  const pieces: Buffer[] = [headers(id, pairs, END_HEADERS)];
  const cut = random.below(body.length + 1);
  pieces.push(data(id, body.slice(0, cut)), data(id, body.slice(cut), hasTrailers ? 0 : END_STREAM));
  if (hasTrailers) pieces.push(headers(id, trailers, END_HEADERS | END_STREAM));
  return pieces;
}

export function nastyStreams(random: Random, authority: string, name: number, scheme = 'http'): Buffer {
  const frames: Buffer[] = [];
  for (let index = 0, count = 1 + random.below(3); index < count; index += 1) {
    frames.push(...stream(random, scheme, authority, `${name}.${index}`, 2 * index + 1));
  }
  return Buffer.concat(frames);
}
