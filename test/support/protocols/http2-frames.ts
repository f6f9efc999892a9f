import type { Readable } from 'node:stream';
import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from '../../../proxy/protocols/http2/frames.ts';
import { errorName } from '../../../proxy/protocols/http2/http2-error.ts';

/** Frames by hand, so that tests can send what no peer with a conscience would. */

export type Pairs = readonly (readonly [string, string])[];

export const END_STREAM = Flag.END_STREAM;
export const END_HEADERS = Flag.END_HEADERS;

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
}

function integer(value: number, prefix: number, pattern: number): number[] {
  if (value < prefix) return [pattern | value];
  const bytes = [pattern | prefix];
  let rest = value - prefix;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(value.length, 127, 0)), Buffer.from(value, 'latin1')]);
}

/** A header block of literals; by default of those that enter no table. Nothing is checked. */
export function block(pairs: Pairs, pattern = 0x00): Buffer {
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.from([pattern]), text(name), text(value)]));
}

export const GET: Pairs = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.example'],
  [':path', '/'],
];
export const POST: Pairs = [[':method', 'POST'], ...GET.slice(1)];

export function headers(stream: number, pairs: Pairs, flags = 0): Buffer {
  return frame(FrameType.HEADERS, END_HEADERS | flags, stream, block(pairs));
}

export function data(stream: number, bytes: Buffer | string, flags = 0): Buffer {
  return frame(FrameType.DATA, flags, stream, bytes);
}

/** What a client says behind its preface, whole frames with their heads. */
export function onFrames(socket: Readable, take: (frame: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  let skip = PREFACE.length;
  socket.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes]);
    if (pending.length < skip) return;
    pending = pending.subarray(skip);
    skip = 0;
    while (pending.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + pending.readUIntBE(0, 3);
      if (pending.length < end) return;
      take(pending.subarray(0, end));
      pending = pending.subarray(end);
    }
  });
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}

export function settings(...entries: readonly (readonly [number, number])[]): Buffer {
  const payload = entries.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]));
  return frame(FrameType.SETTINGS, 0, 0, Buffer.concat(payload));
}

export const SETTINGS_ACK: Buffer = frame(FrameType.SETTINGS, Flag.ACK, 0);

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function reset(stream: number, code = 8): Buffer {
  return frame(FrameType.RST_STREAM, 0, stream, uint32(code));
}

export const PING: Buffer = frame(FrameType.PING, 0, 0, '12345678');

/** How a client begins. */
export const CLIENT_START: Buffer = Buffer.concat([PREFACE, settings()]);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Cuts whole frames; a client's preface is skipped. */
export function cutFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = bytes.subarray(0, PREFACE.length).equals(PREFACE) ? PREFACE.length : 0;
  while (at < bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error('half a frame');
    const [type, flags] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)];
    frames.push({ type, flags, stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

const NAMES = Object.keys(FrameType);

/** A frame in a few words: `DATA 1 5 END`, `RST_STREAM 1 CANCEL`, `SETTINGS ACK`. */
export function describeFrame({ type, flags, stream, payload }: Frame): string {
  const words: (string | number)[] = [NAMES[type] ?? `type ${type}`];
  switch (type) {
    case FrameType.SETTINGS:
    case FrameType.PING:
      break;
    case FrameType.RST_STREAM:
      words.push(stream, errorName(payload.readUInt32BE(0)));
      break;
    case FrameType.GOAWAY:
      words.push(payload.readUInt32BE(0), errorName(payload.readUInt32BE(4)));
      break;
    case FrameType.WINDOW_UPDATE:
      words.push(stream, payload.readUInt32BE(0));
      break;
    case FrameType.DATA:
      words.push(stream, payload.length);
      break;
    default:
      words.push(stream);
  }
  const ends = type === FrameType.DATA || type === FrameType.HEADERS;
  if (ends && (flags & END_STREAM) !== 0) words.push('END');
  if ((type === FrameType.SETTINGS || type === FrameType.PING) && (flags & Flag.ACK) !== 0) words.push('ACK');
  return words.join(' ');
}
