import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ZstdError } from '../../../../../proxy/protocols/zstd/zstd-error.ts';
import { everyCut } from '../../../../support/protocols/http1-play.ts';
import {
  compressZstd,
  decodeZstd,
  HAS_ZSTD,
  wordyText,
  zstdBlock,
  zstdFrame,
} from '../../../../support/protocols/zstd.ts';

/** As zstd 1.5 writes them: with sequences, and with literals in one Huffman stream, their weights coded. */
const VECTORS: readonly (readonly [text: string, coded: string])[] = [
  [
    '{"you sent":"sk-live-0123456789"}'.repeat(40),
    'KLUv/WQoBFUBABQCeyJ5b3Ugc2VudCI6InNrLWxpdmUtMDEyMzQ1Njc4OSJ9AQAhiPzqCboZa0w=',
  ],
];
const BODIES: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  zeros: Buffer.alloc(400_000),
  noise: randomBytes(200_000),
  'a line': wordyText(90),
  'a page': wordyText(5_000),
  text: wordyText(400_000),
  'a mixture': Buffer.concat([wordyText(90_000), randomBytes(40_000), Buffer.alloc(150_000, 7), wordyText(90_000)]),
};
const OPTIONS = [['--fast=5'], ['-1'], ['-3', '--no-check'], ['-9'], ['-12', '--long=23']];

describe('zstd', () => {
  test.each(VECTORS)('%#, on every cut', (text, coded) => {
    for (const pieces of everyCut(Buffer.from(coded, 'base64'))) {
      expect(decodeZstd(pieces)).toEqual({ body: Buffer.from(text), isWhole: true });
    }
  });

  describe.skipIf(!HAS_ZSTD).each(OPTIONS)('of the program zstd (skipped without it), %s %s %s', (...options) => {
    test.each(Object.entries(BODIES))('%s', (_, body) => {
      const coded = compressZstd(body, ...options.filter((option) => option !== undefined));
      expect(decodeZstd([coded]).body.equals(body)).toBe(true);
      const pieces = Array.from({ length: Math.ceil(coded.length / 777) }, (__, at) =>
        coded.subarray(at * 777, (at + 1) * 777),
      );
      const { body: found, isWhole } = decodeZstd(pieces);
      expect([found.equals(body), isWhole]).toEqual([true, true]);
      expect(decodeZstd([coded.subarray(0, -1)]).isWhole).toBe(false);
    });
  });

  test.skipIf(!('createZstdCompress' in zlib))('of Node 22 and later, flushed word by word', async () => {
    const make: unknown = Reflect.get(zlib, 'createZstdCompress');
    const compressor = typeof make === 'function' ? (make() as zlib.Gzip) : zlib.createGzip();
    const coded: Buffer[] = [];
    compressor.on('data', (bytes: Buffer) => coded.push(bytes));
    const words = Array.from({ length: 2_000 }, (_, at) => `data: {"id":${at},"delta":"token ${at % 37}"}\n\n`);
    for (const word of words) {
      compressor.write(word);
      await new Promise<void>((resolve) => compressor.flush(resolve));
      expect(decodeZstd(coded.slice(0, 40)).body.toString()).toBe(words.slice(0, Math.min(40, coded.length)).join(''));
      if (coded.length >= 40) break;
    }
    compressor.destroy();
  });

  test('A-53 blocks cost what they make, however large the window', () => {
    const block = zstdBlock(1, 1, Buffer.from('a'));
    const many = zstdFrame(
      23,
      Array.from({ length: 50_000 }, () => block),
    );
    expect(decodeZstd([many]).body.length).toBe(50_000);
  });

  test('a long frame keeps what its window reaches, and no more', () => {
    const chunk = randomBytes(100_000);
    // Sequences of one match each: as far back as the window allows, and one further.
    const raw = Array.from({ length: 40 }, () => zstdBlock(0, chunk.length, chunk));
    expect(decodeZstd([zstdFrame(17, raw)]).body.equals(Buffer.concat(raw.map(() => chunk)))).toBe(true);
  });

  const FAULTS: Readonly<Record<string, readonly [bytes: Buffer, words: RegExp]>> = {
    'no frame': [Buffer.alloc(10, 0xee), /no frame of zstd/],
    'a skippable frame': [Buffer.from('502a4d1800000000', 'hex'), /no frame of zstd/],
    'a window over 8 MiB': [zstdFrame(24, []), /too large a window/],
    'a dictionary': [Buffer.from('28b52ffd01005800000000', 'hex'), /a dictionary/],
    'a block of the reserved type': [zstdFrame(17, [zstdBlock(3, 1, Buffer.alloc(1))]), /malformed block/],
    'a block over 128 KiB': [zstdFrame(20, [zstdBlock(0, 131_073, Buffer.alloc(0))]), /malformed block/],
    'a compressed block of nothing': [zstdFrame(17, [zstdBlock(2, 0, Buffer.alloc(0))]), /malformed block/],
    'literals without a tree': [zstdFrame(17, [zstdBlock(2, 4, Buffer.from('03400000', 'hex'))]), /without a tree/],
    'sequences that are missing': [
      zstdFrame(17, [zstdBlock(2, 2, Buffer.from('0861', 'hex'))]),
      /sequences are missing/,
    ],
    // One sequence by predefined tables, whose match begins before there is anything.
    'a match before the beginning': [
      zstdFrame(17, [zstdBlock(2, 6, Buffer.from('000100000001', 'hex'))]),
      /too far back|length/,
    ],
  };
  test.each(Object.entries(FAULTS))('%s is refused', (_, [bytes, words]) => {
    expect(() => decodeZstd([bytes])).toThrow(ZstdError);
    expect(() => decodeZstd([bytes])).toThrow(words);
  });
});
