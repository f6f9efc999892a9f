import { describe, expect, test } from 'vitest';
import { BackwardBits, bitsAt } from '../../../../../proxy/protocols/zstd/bits.ts';
import { readFrameHead } from '../../../../../proxy/protocols/zstd/frame-head.ts';
import { readFseTable } from '../../../../../proxy/protocols/zstd/fse.ts';
import { decodeHuffman, readHuffmanTable } from '../../../../../proxy/protocols/zstd/huffman.ts';
import { Window } from '../../../../../proxy/protocols/zstd/window.ts';
import { compressZstd, decodeZstd, HAS_ZSTD, wordyText } from '../../../../support/protocols/zstd.ts';

describe('the head of a frame (RFC 8878 3.1.1.1)', () => {
  const head = (hex: string) => readFrameHead(Buffer.from(`28b52ffd${hex}`, 'hex'));

  test.each([
    ['00 00', 1_024, false],
    ['04 00', 1_024, true],
    // 2 ** (10 + 5), and 3 eighths of it.
    ['00 2b', 32_768 + 3 * 4_096, false],
    ['40 00 0100', 1_024, false],
    ['80 00 01000000', 1_024, false],
    ['c4 00 0100000000000000', 1_024, true],
    // One segment: the window is the content, whose size of two bytes counts from 256.
    ['20 07', 7, false],
    ['60 0100', 257, false],
    ['a0 01000100', 65_537, false],
    ['e0 0100000001000000', 2 ** 32 + 1, false],
    ['01 00 00', 1_024, false],
    ['02 00 0000', 1_024, false],
    ['03 00 00000000', 1_024, false],
    ['21 00 07', 7, false],
  ])('%s', (hex, windowBytes, hasChecksum) => {
    expect(head(hex.replaceAll(' ', ''))).toEqual({ windowBytes, hasChecksum });
    const bytes = Buffer.from(`28b52ffd${hex.replaceAll(' ', '')}`, 'hex');
    for (let length = 0; length < bytes.length; length += 1)
      expect(readFrameHead(bytes.subarray(0, length))).toBeUndefined();
  });

  test.each(['010001', '02000001', '030000000001', '210107'])('%s needs a dictionary', (hex) => {
    expect(() => head(hex)).toThrow('a dictionary');
  });
});

test('bits are read from any place, and are 0 outside of the bytes', () => {
  const bytes = Uint8Array.of(0b1011_0101, 0b0000_0011);
  const read: [at: number, count: number][] = [
    [0, 4],
    [4, 6],
    [9, 16],
    [-3, 5],
    [-3, 3],
    [-4, 2],
    [20, 4],
    [0, 0],
  ];
  expect(read.map(([at, count]) => bitsAt(bytes, at, count))).toEqual([5, 0b11_1011, 1, 0b01_000, 0, 0, 0, 0]);
});

test('a stream is read from its highest bit on', () => {
  // The end is bit 20: 20 bits before it.
  const bits = new BackwardBits(Uint8Array.of(0x45, 0x23, 0x11));
  expect([bits.left, bits.read(20), bits.left]).toEqual([20, 0x12345, 0]);
  expect(new BackwardBits(Uint8Array.of(0x45, 0x23, 0x11)).read(16)).toBe(0x1234);
  for (const bytes of [[], [0x45, 0]]) {
    expect(() => new BackwardBits(Uint8Array.from(bytes))).toThrow('without an end');
  }
});

describe('a Huffman tree', () => {
  test.each([
    [
      [129, 0x11],
      [0, 1, 2, 2],
      [2, 2, 1, 1],
    ],
    [
      [130, 0x21, 0x10, 0xff],
      [1, 2, 0, 0, 3, 3, 3, 3],
      [3, 3, 2, 2, 1, 1, 1, 1],
    ],
    [
      [129, 0x10],
      [0, 2],
      [1, 1],
    ],
  ])('%j', (bytes, symbols, lengths) => {
    const { table, length } = readHuffmanTable(Uint8Array.from(bytes));
    expect([[...table.symbols], [...table.lengths], length]).toEqual([symbols, lengths, bytes[0] === 130 ? 3 : 2]);
  });

  test.each([
    ['is missing', []],
    ['is cut short', [129]],
    ['malformed', [129, 0x00]],
    ['malformed', [129, 0x31]],
    ['malformed', [129, 0xc0]],
  ])('%s: %j', (words, bytes) => {
    expect(() => readHuffmanTable(Uint8Array.from(bytes))).toThrow(words);
  });

  test('decodes as much as it is asked for, which is all there is', () => {
    const { table } = readHuffmanTable(Uint8Array.of(129, 0x11));
    // The end, and 1, 00, 01, 1.
    const bits = Uint8Array.of(0b1_100_011);
    const out = new Uint8Array(4);
    decodeHuffman(table, bits, out);
    expect([...out]).toEqual([2, 0, 1, 2]);
    expect(() => decodeHuffman(table, bits, new Uint8Array(3))).toThrow('another length');
    expect(() => decodeHuffman(table, bits, new Uint8Array(5))).toThrow('another length');
  });
});

test.each([
  ['too fine', [0x02], 6, 11],
  ['too fine', [0x05], 9, 35],
  ['malformed', [0, 0], 9, 35],
  ['malformed', Array.from({ length: 40 }, () => 0), 9, 11],
])('a table of probabilities is %s: %j', (words, bytes, maxAccuracyLog, maxSymbol) => {
  expect(() => readFseTable(Uint8Array.from(bytes), { maxAccuracyLog, maxSymbol })).toThrow(words);
});

describe('a window', () => {
  test('repeats what it reaches, and nothing from before its beginning', () => {
    const window = new Window(8, 16);
    window.reserve(16);
    window.add(Buffer.from('abc'));
    window.repeat(3, 5);
    window.repeat(1, 2);
    window.fill(0x7a, 2);
    expect(window.since(0).toString()).toBe('abcabcabbbzz');
    expect(window.end).toBe(12);
    for (const offset of [0, -1, 9, 12, 13]) expect(() => window.repeat(offset, 1)).toThrow('too far back');
    const young = new Window(8, 16);
    young.reserve(16);
    young.add(Buffer.from('ab'));
    expect(() => young.repeat(3, 1)).toThrow('too far back');
  });

  test('keeps what it reaches, however much comes', () => {
    const window = new Window(100_000, 50_000);
    let sent = Buffer.alloc(0);
    for (let block = 0; block < 40; block += 1) {
      window.reserve(50_000);
      const start = window.end;
      window.fill(block, 20_000);
      if (block >= 5) window.repeat(100_000, 30_000);
      const came = window.since(start);
      const expected = Buffer.alloc(came.length, block);
      if (block >= 5) sent.copy(expected, 20_000, sent.length - 80_000);
      expect(came.equals(expected)).toBe(true);
      sent = Buffer.concat([sent, came]).subarray(-200_000);
    }
  });
});

test.skipIf(!HAS_ZSTD).each([10, 300, 70_000])('a frame of one segment, of %d bytes (skipped without zstd)', (size) => {
  const body = wordyText(size);
  const coded = compressZstd(body, `--stream-size=${size}`);
  expect((coded[4] ?? 0) & 0x20).toBe(0x20);
  const twice = decodeZstd([coded, coded.subarray(0, 3), coded.subarray(3)]);
  expect([twice.body.equals(Buffer.concat([body, body])), twice.isWhole]).toEqual([true, true]);
});
