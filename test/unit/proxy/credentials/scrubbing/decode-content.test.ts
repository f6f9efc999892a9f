import zlib from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { zstdBlock, zstdFrame } from '../../../../support/protocols/zstd.ts';
import {
  ContentCodingError,
  createContentDecoder,
  DEFAULT_DECODE_LIMITS,
} from '../../../../../proxy/credentials/scrubbing/decode-content.ts';
import { decodeAll } from '../../../../support/protocols/decoding.ts';

const BODY = Buffer.from('{"you sent":"sk-live-0123456789"}'.repeat(40));
/** BODY as the zstd 1.5 command line tool writes it. */
const ZSTD = Buffer.from('KLUv/WQoBFUBABQCeyJ5b3Ugc2VudCI6InNrLWxpdmUtMDEyMzQ1Njc4OSJ9AQAhiPzqCboZa0w=', 'base64');

const CODED: Record<string, [coding: string, bytes: Buffer]> = {
  gzip: ['gzip', zlib.gzipSync(BODY)],
  'x-gzip': ['X-GZIP', zlib.gzipSync(BODY)],
  'gzip of two members': [
    'gzip',
    Buffer.concat([zlib.gzipSync(BODY.subarray(0, 100)), zlib.gzipSync(BODY.subarray(100))]),
  ],
  deflate: ['deflate', zlib.deflateSync(BODY)],
  'bare deflate': ['deflate', zlib.deflateRawSync(BODY)],
  brotli: ['br', zlib.brotliCompressSync(BODY)],
  zstd: ['zstd', ZSTD],
  'two codings': ['gzip, br', zlib.brotliCompressSync(zlib.gzipSync(BODY))],
  'identity in the list': ['identity,gzip', zlib.gzipSync(BODY)],
  'kept with what was sent as aws-chunked': ['gzip,aws-chunked', zlib.gzipSync(BODY)],
};

async function decode(coding: string, chunks: Buffer[]): Promise<Buffer> {
  const decoder = createContentDecoder(coding);
  if (decoder === undefined) throw new Error('not coded');
  return decodeAll(decoder, chunks);
}

describe('content decoding', () => {
  describe.each(Object.entries(CODED))('%s', (_, [coding, bytes]) => {
    test('in one piece', async () => {
      expect((await decode(coding, [bytes])).equals(BODY)).toBe(true);
    });

    test('on every cut', async () => {
      for (let cut = 1; cut < bytes.length; cut += 1) {
        expect(
          (await decode(coding, [bytes.subarray(0, cut), bytes.subarray(cut)])).equals(BODY),
          `cut at ${cut}`,
        ).toBe(true);
      }
    });

    test('byte by byte', async () => {
      expect(
        (
          await decode(
            coding,
            Array.from(bytes, (byte) => Buffer.of(byte)),
          )
        ).equals(BODY),
      ).toBe(true);
    });

    test('cut short is an error', async () => {
      for (const length of [1, 4, 9, Math.floor(bytes.length / 2), bytes.length - 1]) {
        await expect(decode(coding, [bytes.subarray(0, length)]), `length ${length}`).rejects.toThrow(
          ContentCodingError,
        );
      }
    });

    test('an empty body is none', async () => {
      expect(await decode(coding, [])).toHaveLength(0);
    });
  });

  test('no coding needs no decoder', () => {
    for (const coding of [undefined, '', 'identity', ' , Identity', 'aws-chunked'])
      expect(createContentDecoder(coding)).toBeUndefined();
  });

  test.each(['compress', 'gzip;q=1', 'aes128gcm', 'constructor', 'gzip, gzip, gzip'])('%s is refused', (coding) => {
    expect(() => createContentDecoder(coding)).toThrow(ContentCodingError);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd'])('%s that is none is refused', async (coding) => {
    await expect(decode(coding, [Buffer.alloc(64, 0xee)])).rejects.toMatchObject({ reason: 'response-undecodable' });
  });

  test('A-53: a bomb is refused by what one slice may make and by its ratio, with bounded memory', async () => {
    const zeros = Buffer.alloc(64 * 1024 * 1024);
    const brotli = zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } });
    await expect(decode('br', [brotli])).rejects.toThrow('expands too much');
    const twice = zlib.gzipSync(zlib.gzipSync(zeros));
    await expect(decode('gzip, gzip', [twice])).rejects.toThrow('expands too much');
    const strict = createContentDecoder('gzip', { ...DEFAULT_DECODE_LIMITS, maxBytesPerSlice: 100_000, maxRatio: 10 });
    if (strict === undefined) throw new Error('not coded');
    await expect(decodeAll(strict, [zlib.gzipSync(Buffer.alloc(1_000_000))])).rejects.toThrow('expands too much');
  });

  test('A-53: a zstd frame that asks for a window over 8 MiB is refused before anything is allocated', async () => {
    const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (17 << 3) | 0, 0, 0, 0]);
    await expect(decode('zstd', [head])).rejects.toThrow('too large a window');
    const single = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    await expect(decode('zstd', [single])).rejects.toThrow('too large a window');
  });

  test('A-53: every frame is checked, not the first alone', async () => {
    const second = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0, 0, 0, 0]);
    await expect(decode('zstd', [Buffer.concat([ZSTD, second])])).rejects.toThrow('too large a window');
    expect((await decode('zstd', [Buffer.concat([ZSTD, ZSTD])])).equals(Buffer.concat([BODY, BODY]))).toBe(true);
  });

  test('zstd of many small blocks in a large window, as a stream of flushed events is', async () => {
    const event = Buffer.from('data: {"delta":"token"}\n\n');
    const events = Array.from({ length: 2_000 }, (_, at) => zstdBlock(0, event.length, event, at === 1_999));
    expect(await decode('zstd', [zstdFrame(23, events)])).toHaveLength(2_000 * event.length);
  });

  test('A-53: a bomb of zstd is refused by what one slice may make', async () => {
    const runs = Array.from({ length: 100 }, () => zstdBlock(1, 131_072, Buffer.of(0)));
    await expect(decode('zstd', [zstdFrame(17, runs)])).rejects.toThrow('expands too much');
  });

  test('closing in the middle frees everything', async () => {
    const opened = vi.spyOn(zlib, 'createGunzip');
    const decoder = createContentDecoder('gzip');
    if (decoder === undefined) throw new Error('not coded');
    for await (const _ of decoder.decode(zlib.gzipSync(BODY).subarray(0, 20))) break;
    expect(opened.mock.results.map(({ value }) => value.destroyed)).toEqual([false]);
    decoder.close();
    decoder.close();
    expect(opened.mock.results.map(({ value }) => value.destroyed)).toEqual([true]);
    opened.mockRestore();
  });
});
