import { Flag, FrameType } from '../../../proxy/protocols/http2/frames.ts';
import {
  block,
  data,
  frame,
  headers,
  type Pairs,
  PING,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../protocols/http2-frames.ts';
import type { Random } from '../random.ts';

/** Answers of HTTP/2, on which proxies and clients could disagree. */

/**
 * What agents may hear: this; this or nothing whole, as all of it was there before it broke; nothing whole; or, as it was refused
 * unprocessed, the answer to the same call sent again.
 */
type Meant = 'whole' | 'cut' | 'broken' | 'refused';

export interface NastyHttp2Answer {
  readonly frames: readonly Buffer[];
  /** The server ends the connection behind it. */
  readonly ends: boolean;
  readonly meant: Meant;
  readonly status: number;
  readonly body: string;
}

const END = Flag.END_STREAM;
const BODIES = ['', 'hello', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsplit', '0\r\n\r\n', 'x'.repeat(40_000)];
const FINE_FIELDS: Pairs = [
  ['x-high', '\x80\xff'],
  ['x-empty', ''],
  ['set-cookie', 'a=b'],
  ['alt-svc', 'h2=":1"'],
  ['content-type', 'text/event-stream'],
  ['trailer', 'x-t'],
  ['x-long', 'v'.repeat(3_000)],
  ['keep_alive', 'a'],
];
const BAD_FIELDS: Pairs = [
  ['Content-Length', '3'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['keep-alive', 'timeout=1'],
  ['upgrade', 'h2c'],
  ['x-crlf', 'a\r\ncontent-length: 0'],
  ['x-lf', 'a\nb: c'],
  ['x-nul', 'a\0b'],
  ['x a', 'b'],
  ['', 'b'],
  [':path', '/'],
  [':status', '200'],
  ['content-length', '+5'],
  ['content-length', '0x5'],
];
/** Between the frames of an answer they change nothing of it. */
const NOISE: ((stream: number) => Buffer)[] = [
  () => PING,
  () => settings([0x1, 0]),
  () => settings([0x1, 0], [0x1, 4_096]),
  () => settings([0x3, 0]),
  () => settings([0x3, 1], [0x3, 100]),
  () => settings([0x4, 0]),
  () => settings([0x4, 65_535]),
  () => settings([0x5, 100_000]),
  () => settings([0x99, 7]),
  () => windowUpdate(0, 1_000),
  (stream) => windowUpdate(stream, 1_000),
  (stream) => frame(FrameType.PRIORITY, 0, stream, Buffer.alloc(5)),
  (stream) => frame(0xfa, 0xff, stream, 'what'),
  (stream) => data(stream, ''),
  (stream) => frame(FrameType.GOAWAY, 0, 0, uint32(stream, 0)),
  () => frame(FrameType.GOAWAY, 0, 0, uint32(0x7fff_ffff, 0)),
];

/** A head in one frame, or with CONTINUATION behind it. */
function headOf(random: Random, stream: number, pairs: Pairs, flags = 0): Buffer[] {
  const bytes = block(pairs, random.pick([0x00, 0x00, 0x10]));
  if (bytes.length < 16_000 && random.below(4) > 0) return [headers(stream, pairs, flags)];
  // An empty CONTINUATION that ends nothing is refused, as what floods are made of.
  const cut = 1 + random.below(bytes.length - 2);
  const first = random.below(cut);
  const pieces = [bytes.subarray(0, first), bytes.subarray(first, cut), bytes.subarray(cut)];
  return pieces.map((piece, at) => {
    if (at === 0) return frame(FrameType.HEADERS, flags, stream, piece);
    return frame(FrameType.CONTINUATION, at === 2 ? Flag.END_HEADERS : 0, stream, piece);
  });
}

function dataOf(random: Random, stream: number, body: string): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const piece = body.slice(at, at + 1 + random.below(16_000));
    at += piece.length;
    const pad = random.below(200);
    frames.push(
      random.below(3) > 0
        ? data(stream, piece)
        : frame(
            FrameType.DATA,
            Flag.PADDED,
            stream,
            Buffer.concat([Buffer.from([pad]), Buffer.from(piece), Buffer.alloc(pad)]),
          ),
    );
  }
  return frames;
}

function refusal(random: Random, stream: number): NastyHttp2Answer {
  const goaway = frame(FrameType.GOAWAY, 0, 0, uint32(stream - 1, random.pick([0, 0, 2, 11])));
  const isReset = random.below(2) === 0;
  const frames = [isReset ? reset(stream, 7) : goaway];
  return { frames, ends: !isReset && random.below(2) === 0, meant: 'refused', status: 0, body: '' };
}

/** How an answer ends. Every fourth one is broken. */
function endOf(random: Random, stream: number, isBare: boolean): { frames: Buffer[]; meant: Meant; ends: boolean } {
  const trailers = (pairs: Pairs, flags: number = END): Buffer[] => headOf(random, stream, pairs, flags);
  const ends = random.below(8) === 0;
  const whole = (frames: Buffer[], mayEnd = ends) => ({ frames, meant: 'whole' as const, ends: mayEnd });
  const broken = (frames: Buffer[], mayEnd = ends) => ({ frames, meant: 'broken' as const, ends: mayEnd });
  switch (random.below(16)) {
    case 0:
      return whole(trailers([['x-t', '1']]));
    case 1:
      return whole([data(stream, '', END), reset(stream, 0)]);
    case 2:
      return whole([data(stream, '', END), frame(FrameType.GOAWAY, 0, 0, uint32(stream, 0))]);
    case 3:
      return whole([frame(FrameType.GOAWAY, 0, 0, uint32(stream, 0)), data(stream, '', END)], true);
    case 4:
      return whole([data(stream, '', END), ...Array.from({ length: 200 }, () => PING)]);
    case 5:
      return broken([reset(stream, random.pick([0, 1, 2, 5, 8, 99]))]);
    case 6:
      return broken([], true);
    case 7:
      return broken(trailers([['content-length', '5']]));
    case 8:
      return isBare ? whole([data(stream, '', END)]) : broken(trailers([['x-t', '1']], 0), true);
    case 9:
      return broken([frame(FrameType.GOAWAY, 0, 0, uint32(stream, random.pick([0, 2])))], true);
    default:
      return whole([data(stream, '', END)]);
  }
}

/** @param stream on which the request came */
export function nastyHttp2Answer(random: Random, method: string, stream: number): NastyHttp2Answer {
  if (random.below(12) === 0) return refusal(random, stream);
  let meant = 'whole' as Meant;
  const breaks = (frames: Buffer): Buffer => {
    meant = 'broken';
    return frames;
  };
  const status = random.pick([200, 200, 200, 404, 500, 302, 204, 304]);
  const isBare = method === 'HEAD' || status === 204 || status === 304;
  const body = isBare ? '' : random.pick(BODIES);
  const frames: Buffer[] = [];
  for (let count = Math.max(0, random.below(5) - 2); count > 0; count -= 1) {
    frames.push(...headOf(random, stream, [[':status', random.pick(['100', '102', '103'])]]));
  }
  if (random.below(40) === 0) frames.push(breaks(headers(stream, [[':status', '101']])));
  if (random.below(40) === 0) frames.push(breaks(headers(stream, [[':status', '103']], END)));
  if (random.below(40) === 0) frames.push(breaks(data(stream, 'early')));
  const fields: [string, string][] = [[':status', String(status)]];
  for (let count = random.below(3); count > 0; count -= 1) fields.push([...random.pick(FINE_FIELDS)]);
  if (random.below(12) === 0) {
    fields.push([...random.pick(BAD_FIELDS)]);
    meant = 'broken';
  }
  const length = random.below(6);
  if (length < 3 && status !== 204) fields.push(['content-length', String(body.length)]);
  else if (length === 3 && !isBare && random.below(3) === 0) {
    fields.push(['content-length', String(Math.max(0, body.length + random.pick([-1, 1, 7])))]);
    if (body.length > 0 || fields.at(-1)?.[1] !== '0') meant = 'broken';
  }
  frames.push(...headOf(random, stream, fields));
  frames.push(...dataOf(random, stream, body));
  const isComplete = isBare || fields.some(([name]) => name === 'content-length');
  const end = endOf(random, stream, isBare);
  const hasMore = isBare && random.below(10) === 0;
  if (hasMore) frames.push(data(stream, 'none may stand here'));
  if ((hasMore || end.meant === 'broken') && meant === 'whole') meant = isComplete ? 'cut' : 'broken';
  return { frames: noisy(random, stream, [...frames, ...end.frames]), ends: end.ends, meant, status, body };
}

/** Not within a header block, and no stray DATA ahead of the head. */
function noisy(random: Random, stream: number, frames: readonly Buffer[]): Buffer[] {
  if (random.below(2) === 0) return [...frames];
  const isHead = (at: number): boolean =>
    frames[at]?.[3] === FrameType.HEADERS || frames[at]?.[3] === FrameType.CONTINUATION;
  const ended = frames.findIndex((one) => (one[3] ?? 9) <= 1 && ((one[4] ?? 0) & END) !== 0);
  const open = frames.flatMap((one, at) => {
    const isWithin = isHead(at) && ((one[4] ?? 0) & Flag.END_HEADERS) === 0;
    return isWithin || (ended >= 0 && at >= ended) ? [] : [at];
  });
  const at = random.pick(open.length > 0 ? open : [frames.length - 1]);
  const isBefore = frames.findIndex((one) => one[3] === FrameType.DATA) > at || frames[at]?.[3] !== FrameType.DATA;
  const noise = random.pick(NOISE)(stream);
  if (noise[3] === FrameType.DATA && isBefore) return [...frames];
  // A second one may not take back the first.
  if (noise[3] === FrameType.GOAWAY && frames.some((one) => one[3] === FrameType.GOAWAY)) return [...frames];
  return [...frames.slice(0, at + 1), noise, ...frames.slice(at + 1)];
}
