import { createHash } from 'node:crypto';
import type http2 from 'node:http2';
import type { Http2Limits } from '../../../proxy/sessions/http2/limits.ts';
import type { Random } from '../random.ts';

/** A message for an echo: what goes out, and how its body is cut. */
export interface Message {
  readonly path: string;
  readonly fields: [string, string][];
  readonly chunks: Buffer[];
  readonly trailers: [string, string][];
}

/** What came back, short enough to compare. */
export interface Echoed {
  readonly line: string;
  readonly fields: [string, string][];
  readonly body: string;
  readonly trailers: [string, string][];
}

const VALUES = [
  '',
  'a',
  'Bearer 0123456789',
  'x'.repeat(300),
  '~!@#$%^&*()_+{}|:"<>?',
  'caf\xe9',
  '0',
  'application/grpc',
];

function makeFields(random: Random, kind: string): [string, string][] {
  return Array.from({ length: random.below(6) }, (_, at) => {
    const value = random.below(3) === 0 ? String(random.below(1e9)) : random.pick(VALUES);
    return [`x-${kind}-${at}-${random.below(4)}`, value];
  });
}

export function makeMessage(random: Random, maxBytes: number): Message {
  const chunks: Buffer[] = [];
  let left = random.below(4) === 0 ? 0 : random.below(random.pick([20, 2_000, maxBytes]));
  while (left > 0) {
    const length = Math.min(left, 1 + random.below(random.pick([10, 5_000, 100_000])));
    chunks.push(Buffer.alloc(length, random.below(256)));
    left -= length;
  }
  return {
    path: `/${random.below(5)}?q=${random.below(1e6)}`,
    fields: makeFields(random, 'f'),
    chunks,
    trailers: makeFields(random, 't'),
  };
}

export function digest(chunks: readonly Buffer[]): string {
  const hash = createHash('sha256');
  let length = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    length += chunk.length;
  }
  return `${length} ${hash.digest('hex')}`;
}

export function expectedEcho(message: Message): Echoed {
  return {
    line: `POST ${message.path}`,
    fields: message.fields,
    body: digest(message.chunks),
    trailers: message.trailers,
  };
}

/** The x- fields in Node's objects of headers, but for the line. */
export function fieldsOf(headers: Record<string, unknown>): [string, string][] {
  return Object.entries(headers)
    .filter(([name]) => name.startsWith('x-') && name !== 'x-line')
    .map(([name, value]) => [name, String(value)]);
}

/** [what, our options, Node's settings, concurrent exchanges, rounds, octets of a body at most] */
export const EXCHANGES: [string, Partial<Http2Limits>, http2.Settings, number, number, number][] = [
  ['default windows', {}, {}, 20, 8, 300_000],
  ['tiny windows', { streamWindowBytes: 100 }, { initialWindowSize: 50 }, 8, 2, 5_000],
  ['no tables', { decoderTableBytes: 0, encoderTableBytes: 0 }, { headerTableSize: 0 }, 10, 4, 20_000],
  ['small tables', { decoderTableBytes: 200, encoderTableBytes: 300 }, { headerTableSize: 400 }, 10, 8, 20_000],
  [
    'large tables and frames',
    { decoderTableBytes: 65_536, encoderTableBytes: 65_536, maxFrameBytes: 100_000 },
    { headerTableSize: 65_536, maxFrameSize: 200_000 },
    10,
    4,
    1_000_000,
  ],
];
