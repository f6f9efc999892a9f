import { Flag, FrameType } from '../../../proxy/protocols/http2/frames.ts';
import {
  block,
  CLIENT_START,
  data,
  END_HEADERS,
  END_STREAM,
  frame,
  GET,
  headers,
  type Pairs,
  PING,
  POST,
  reset,
  settings,
  windowUpdate,
} from './http2-frames.ts';
import type { Random } from '../random.ts';

/** Conversations of a client that knows the protocol and means harm now and then. */

const FIELDS: Pairs = [
  ['x-a', 'b'],
  ['x-a', ''],
  ['x-b', 'v'.repeat(300)],
  ['host', 'a.example'],
  ['content-length', '5'],
  ['content-length', '0'],
  ['content-length', '007'],
  ['cookie', 'a=b'],
  ['te', 'trailers'],
  ['te', 'gzip'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['X-Upper', 'a'],
  ['x-c', 'a\r\nb: c'],
  ['x-d', ' a'],
  ['x-e', '\xe9'],
  ['x\0', 'a'],
  [':path', '/again'],
  [':path', ''],
  [':path', 'a'],
  [':status', '200'],
  [':protocol', 'websocket'],
  [':authority', 'u@a'],
  ['', ''],
];
const PATTERNS = [0x00, 0x00, 0x10, 0x40, 0x40];

export function randomFields(random: Random): Pairs {
  const pairs = [...random.pick([GET, POST, POST, [], [[':status', '200'] as const]])];
  for (let count = random.below(4); count > 0; count -= 1) {
    const field = random.pick(random.below(3) === 0 ? FIELDS : FIELDS.slice(0, 2));
    pairs.splice(random.below(8) === 0 ? random.below(pairs.length + 1) : pairs.length, 0, field);
  }
  return pairs;
}

/** A block; often valid, sometimes with indexes into tables that may or may not have them. */
export function randomBlock(random: Random, pairs: Pairs): Buffer {
  const parts = pairs.map((pair) => block([pair], random.pick(PATTERNS)));
  if (random.below(4) === 0) parts.push(Buffer.from([0x80 | (62 + random.below(6))]));
  if (random.below(6) === 0) parts.push(huffmanField(random));
  if (random.below(20) === 0) parts.unshift(Buffer.from(random.pick(['20', '3fe11f', '3f', '3fffffffff0f']), 'hex'));
  return Buffer.concat(parts);
}

/** A field `x-h` whose value is in Huffman code that ends well as often as not (RFC 7541 5.2). */
function huffmanField(random: Random): Buffer {
  const value = Array.from({ length: 1 + random.below(8) }, () => random.below(256));
  value.push(random.pick([0x1f, 0x3f, 0x7f, 0xff, random.below(256)]));
  return Buffer.from([random.pick(PATTERNS), 3, ...Buffer.from('x-h'), 0x80 | value.length, ...value]);
}

function headersOf(random: Random, stream: number, pairs: Pairs): Buffer {
  const whole = randomBlock(random, pairs);
  const flags = random.below(3) === 0 ? END_STREAM : 0;
  if (random.below(6) > 0) return frame(FrameType.HEADERS, END_HEADERS | flags, stream, whole);
  const cut = random.below(whole.length + 1);
  return Buffer.concat([
    frame(FrameType.HEADERS, flags, stream, whole.subarray(0, cut)),
    frame(FrameType.CONTINUATION, END_HEADERS, stream, whole.subarray(cut)),
  ]);
}

const NUMBERS = [0, 1, 4, 5, 100, 16_384, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function randomFrame(random: Random, next: () => number): Buffer {
  const stream = random.pick([1, 1, 3, 5, 7, 0, 2, 99, 0x7fff_ffff]);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return headersOf(random, next(), randomFields(random));
    case 3:
      return headersOf(random, stream, random.pick([[], [['x-t', 'a'] as const], randomFields(random)]));
    case 4:
    case 5:
    case 6:
      return data(stream, 'hello'.slice(0, random.below(6)), random.below(2) * END_STREAM);
    case 7: {
      const padding = random.below(4);
      return data(stream, Buffer.concat([Buffer.from([padding]), Buffer.alloc(random.below(6))]), Flag.PADDED);
    }
    case 8: {
      const payload = Buffer.alloc(random.pick([4, 4, 4, 0, 5, 8]));
      if (payload.length >= 4) payload.writeUInt32BE(random.pick(NUMBERS), 0);
      return frame(random.pick([FrameType.WINDOW_UPDATE, FrameType.RST_STREAM]), 0, stream, payload);
    }
    case 9:
      return settings([random.pick([1, 2, 3, 4, 5, 6, 8, 99]), random.pick(NUMBERS)]);
    case 10:
      return frame(FrameType.PING, random.below(2), 0, Buffer.alloc(random.below(8) === 0 ? 7 : 8));
    default:
      return frame(random.below(12), random.below(256), stream, Buffer.alloc(random.below(12), random.below(256)));
  }
}

const REQUESTS: readonly Pairs[] = [
  GET,
  POST,
  [[':method', 'OPTIONS'], ...GET.slice(1, 3), [':path', '*']],
  [
    [':method', 'CONNECT'],
    [':authority', 'a.example:443'],
  ],
  [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)],
  [...GET, ['content-length', '0'], ['x-a', 'b\t'], ['x-c', 'c ']],
  [...POST, ['content-length', '1'.repeat(25)]],
  [...GET, ...Array.from({ length: 4 }, (): [string, string] => ['x-b', 'v'.repeat(300)])],
];
const ANSWERS: readonly Pairs[] = ['100', '103', '103', '200', '200', '204', '304', '101'].map((status) => [
  [':status', status],
]);

/** What breaks no connection by itself, so that many of them come to where limits and windows are. */
function calmFrame(random: Random, role: Role, next: () => number): Buffer {
  const last = role === 'client' ? next() - 2 : random.pick([1, 3, 5, 7]);
  const end = random.below(3) === 0 ? END_STREAM : 0;
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (role === 'server') return headers(last, random.pick(ANSWERS), end);
      return headers(last + 2, random.pick(random.below(2) === 0 ? REQUESTS : REQUESTS.slice(0, 2)), end);
    case 4:
    case 5:
      return data(Math.max(1, last), 'x'.repeat(random.pick([0, 5, 300, 2_000])), end);
    case 6:
      return windowUpdate(random.pick([0, 1, Math.max(1, last)]), 1 + random.below(1_000));
    case 7:
      return random.below(3) === 0 ? reset(Math.max(1, last)) : PING;
    case 8:
      return settings([4, random.pick([0, 0, 1, 100, 65_535])]);
    default:
      return frame(FrameType.PRIORITY, 0, Math.max(1, last), Buffer.alloc(5));
  }
}

type Role = 'client' | 'server';

/** What a client or a server sends, with a client's preface. Now and then bytes change on the way. */
export function randomConversation(random: Random, frames: number, role: Role = 'client'): Buffer {
  let id = -1;
  const next = () => (id += random.below(15) === 0 ? 1 + random.below(3) : 2);
  let calm = -1;
  const isCalm = random.below(2) === 0;
  const parts = [CLIENT_START];
  for (let count = 1 + random.below(isCalm ? 3 * frames : frames); count > 0; count -= 1) {
    const made = isCalm ? calmFrame(random, role, () => calm + 2) : randomFrame(random, next);
    if (isCalm && role === 'client' && made[3] === FrameType.HEADERS) calm += 2;
    parts.push(made);
  }
  const bytes = Buffer.concat(parts);
  for (let edits = random.below(isCalm ? 9 : 3) === 0 ? random.below(4) : 0; edits > 0; edits -= 1) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return bytes;
}

export function randomPieces(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(random.pick([1, 4, 40, 400]));
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return pieces;
}
