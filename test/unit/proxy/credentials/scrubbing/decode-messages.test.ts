import zlib from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { type ContentDecoder, ContentCodingError } from '../../../../../proxy/credentials/scrubbing/decode-content.ts';
import { createAnswerDecoder } from '../../../../../proxy/credentials/scrubbing/decode-messages.ts';
import { HeaderList } from '../../../../../proxy/protocols/header-list.ts';
import { decodeAll } from '../../../../support/protocols/decoding.ts';

const GRPC = 'application/grpc';
const TEXT = Buffer.from('Bearer sk-live-0123456789 '.repeat(20));

function decoderOf(type: string, ...fields: [string, string][]): ContentDecoder | undefined {
  return createAnswerDecoder(HeaderList.from([['Content-Type', type], ...fields]));
}

function coded(coding: string, type = GRPC, field = 'grpc-encoding'): ContentDecoder {
  const decoder = decoderOf(type, [field, coding]);
  if (decoder === undefined) throw new Error('not coded');
  return decoder;
}

function message(flags: number, body: Buffer): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** Compressed, plain and empty messages, in turns. */
const SENT = Buffer.concat([
  message(1, zlib.gzipSync(TEXT)),
  message(0, TEXT),
  message(0, Buffer.alloc(0)),
  message(1, zlib.gzipSync(Buffer.alloc(0))),
  message(1, zlib.gzipSync(TEXT)),
]);
const HEARD = Buffer.concat([TEXT, TEXT, Buffer.alloc(0), Buffer.alloc(0), TEXT].map((body) => message(0, body)));

describe('messages that are compressed one by one', () => {
  test('on every cut', async () => {
    for (let cut = 0; cut <= SENT.length; cut += 1) {
      const heard = await decodeAll(coded('gzip'), [SENT.subarray(0, cut), SENT.subarray(cut)]);
      expect(heard.equals(HEARD), `cut at ${cut}`).toBe(true);
    }
  });

  test('byte by byte', async () => {
    const bytes = Array.from(SENT, (byte) => Buffer.from([byte]));
    expect((await decodeAll(coded('gzip'), bytes)).equals(HEARD)).toBe(true);
  });

  test('a message that is not compressed goes on as its bytes come', async () => {
    const decoder = coded('gzip');
    const heard: Buffer[] = [];
    for await (const bytes of decoder.decode(message(0, TEXT).subarray(0, 20))) heard.push(bytes);
    decoder.close();
    expect(Buffer.concat(heard)).toHaveLength(20);
  });

  test.each([
    ['application/grpc+proto', 'grpc-encoding', 'deflate', zlib.deflateSync(TEXT)],
    ['application/grpc-web+proto', 'grpc-encoding', 'GZIP', zlib.gzipSync(TEXT)],
    ['application/connect+json', 'connect-content-encoding', 'br', zlib.brotliCompressSync(TEXT)],
  ])('%s by %s: %s', async (type, field, coding, bytes) => {
    expect(await decodeAll(coded(coding, type, field), [message(1, bytes)])).toEqual(message(0, TEXT));
  });

  test('other flags stay: the end of a stream of Connect, trailers of gRPC-Web', async () => {
    const end = Buffer.from('{}');
    const sent = Buffer.concat([message(3, zlib.gzipSync(end)), message(0x80, TEXT)]);
    const heard = Buffer.concat([message(2, end), message(0x80, TEXT)]);
    expect(await decodeAll(coded('gzip'), [sent])).toEqual(heard);
  });
});

test('what decodes a message is freed once it is whole, or when the body ends in it', async () => {
  const opened = vi.spyOn(zlib, 'createGunzip');
  const freed = (): boolean[] => opened.mock.results.map(({ value }) => value.destroyed);
  const decoder = coded('gzip');
  const sent = message(1, zlib.gzipSync(TEXT));
  for await (const _ of decoder.decode(Buffer.concat([sent, sent.subarray(0, 20)])));
  expect(freed()).toEqual([true, false]);
  decoder.close();
  expect(freed()).toEqual([true, true]);
  opened.mockRestore();
});

describe('what is not decoded', () => {
  test('is none of it coded, it needs no decoder', () => {
    expect(decoderOf(GRPC)).toBeUndefined();
    expect(decoderOf(GRPC, ['grpc-encoding', 'identity'])).toBeUndefined();
    expect(decoderOf('text/html', ['content-encoding', 'identity'])).toBeUndefined();
  });

  test.each<[string, string, [string, string][]]>([
    ['an unknown coding', GRPC, [['grpc-encoding', 'snappy']]],
    ['a type that has no messages', 'text/plain', [['grpc-encoding', 'gzip']]],
    ['messages in base64', 'application/grpc-web-text', [['grpc-encoding', 'gzip']]],
    [
      'a body that is coded too',
      GRPC,
      [
        ['content-encoding', 'gzip'],
        ['grpc-encoding', 'gzip'],
      ],
    ],
  ])('%s', (_what, type, fields) => {
    expect(() => decoderOf(type, ...fields)).toThrow(ContentCodingError);
  });

  test.each([
    ['a body that ends in a prefix', SENT.subarray(0, 3)],
    ['a body that ends in a message', message(0, TEXT).subarray(0, 10)],
    ['a compressed message that is cut', SENT.subarray(0, 20)],
    ['a message whose compression ends early', message(1, zlib.gzipSync(TEXT).subarray(0, 30))],
    ['what is no gzip', message(1, TEXT)],
    ['a message too long', Buffer.from([1, 0xff, 0xff, 0xff, 0xff])],
    ['a message that expands too much (A-53)', message(1, zlib.gzipSync(Buffer.alloc(4_194_305)))],
  ])('%s', async (_what, bytes) => {
    await expect(decodeAll(coded('gzip'), [bytes])).rejects.toThrow(ContentCodingError);
  });

  test('a message too long, before any of it is there', async () => {
    const prefix = Buffer.from([1, 0, 0x40, 0, 1]);
    await expect(coded('gzip').decode(prefix).next()).rejects.toThrow('too long');
  });

  test('of the longest message all is held', async () => {
    const longest = Buffer.alloc(4_194_304, 'a');
    const heard = await decodeAll(coded('gzip'), [message(1, zlib.gzipSync(longest))]);
    expect(heard.equals(message(0, longest))).toBe(true);
  });
});
