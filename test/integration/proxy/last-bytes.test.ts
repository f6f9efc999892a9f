import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECRET } from '../../support/worlds/proxy-world.ts';
import { startTellingWorld, type TellingWorld } from '../../support/upstreams/told-stream.ts';

// Both sides wait for each other's last byte: what is held back for the scrubber must not wait for what follows.

let telling: TellingWorld;
beforeAll(async () => {
  telling = await startTellingWorld();
}, 60_000);
afterAll(() => telling.close());

type Encode = (piece: Buffer) => Promise<Buffer>;

function flushed(stream: zlib.Gzip | zlib.BrotliCompress, kind: number): Encode {
  const out: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => out.push(bytes));
  return async (piece) => {
    stream.write(piece);
    await new Promise<void>((resolve) => stream.flush(kind, resolve));
    return Buffer.concat(out.splice(0));
  };
}

const CODINGS: Record<string, () => Encode> = {
  identity: () => async (piece) => piece,
  gzip: () => flushed(zlib.createGzip(), zlib.constants.Z_SYNC_FLUSH),
  br: () => flushed(zlib.createBrotliCompress(), zlib.constants.BROTLI_OPERATION_FLUSH),
};
const around = (start: string, end: string) => (last: Buffer) =>
  Buffer.concat([Buffer.from(start), last, Buffer.from(end)]);
const SHAPES = [
  ['text/event-stream', around('data: x', '\n\n')],
  ['application/x-ndjson', around('{"a":"x', '\n')],
  ['text/plain', around('x', '')],
  ['text/plain; charset=utf-8', around('QUJD'.repeat(20), '\n')],
  ['application/grpc-web-text', around('', '')],
] as const;
const LASTS = [
  ...Array.from({ length: 256 }, (_, byte) => Buffer.from([byte])),
  ...[SECRET.slice(0, 5), '\\u00', '%7', '&#x', 'abc'].map((text) => Buffer.from(text)),
];

describe.each([
  ['identity', { agent: 1, upstream: 1 }],
  ['identity', { agent: 2, upstream: 2 }],
  ['gzip', { agent: 1, upstream: 2 }],
  ['br', { agent: 2, upstream: 1 }],
] as const)('%s %j', (coding, versions) => {
  test.each(SHAPES)(
    '%s: each piece is heard before the next is said, whatever ends it',
    async (type, make) => {
      const encode = CODINGS[coding]?.() ?? (async (piece) => piece);
      const fields = { 'content-type': type, ...(coding !== 'identity' && { 'content-encoding': coding }) };
      const told = await telling.tell(versions, fields);
      const said: Buffer[] = [];
      for (const last of LASTS) {
        said.push(make(last));
        told.say(await encode(make(last)));
        expect(await told.heard(Buffer.concat(said).length, 20_000), last.toString('latin1')).toBe(true);
      }
      told.end();
      expect(told.body().equals(Buffer.concat(said))).toBe(true);
    },
    120_000,
  );
});
