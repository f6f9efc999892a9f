import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Inflater } from '../../../../../proxy/protocols/deflate/inflater.ts';
import { InflateError } from '../../../../../proxy/protocols/deflate/inflate-error.ts';
import { everyCut } from '../../../../support/protocols/http1-play.ts';

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

function inflate(pieces: readonly Buffer[], inflater = new Inflater()): Buffer {
  const out: Buffer[] = [];
  for (const piece of pieces) {
    inflater.feed(piece);
    for (let slice = inflater.read(); slice !== undefined; slice = inflater.read()) {
      out.push(slice);
    }
  }
  return Buffer.concat(out);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the inflater', () => {
  // RFC 7692 section 7.2.3; what the sender left away stands behind the bar.
  const VECTORS: readonly (readonly [name: string, payload: string, text: string])[] = [
    ['one block (7.2.3.1)', 'f2 48 cd c9 c9 07 00', 'Hello'],
    ['a block without compression (7.2.3.3)', '00 05 00 fa ff 48 65 6c 6c 6f 00', 'Hello'],
    ['a final block (7.2.3.4)', 'f3 48 cd c9 c9 07 00 00', 'Hello'],
    ['two blocks (7.2.3.5)', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00', 'Hello'],
    ['an empty message (7.2.3.6)', '00', ''],
  ];

  test.each(VECTORS)('%s, on every cut', (_, payload, text) => {
    const bytes = Buffer.concat([hex(payload), TAIL]);
    for (const pieces of everyCut(bytes)) {
      const inflater = new Inflater();
      expect(inflate(pieces, inflater).toString()).toBe(text);
      expect(inflater.isBetweenBlocks).toBe(true);
    }
  });

  test('the second message refers to the first (7.2.3.2), unless it is forgotten', () => {
    const inflater = new Inflater();
    expect(inflate([hex('f2 48 cd c9 c9 07 00'), TAIL], inflater).toString()).toBe('Hello');
    expect(inflate([hex('f2 00 11 00 00'), TAIL], inflater).toString()).toBe('Hello');
    inflater.forget();
    expect(() => inflate([hex('f2 00 11 00 00'), TAIL], inflater)).toThrow(InflateError);
  });

  test('reads what zlib writes, at every level and strategy, byte by byte', () => {
    const text = Buffer.from(Array.from({ length: 800 }, (_, at) => `${at * at} ${at % 7}`).join(','));
    for (const level of [0, 1, 6, 9]) {
      for (const strategy of [0, 1, 2, 3, 4]) {
        const compressed = zlib.deflateRawSync(text, { level, strategy });
        expect(inflate([compressed]).equals(text)).toBe(true);
        expect(inflate(Array.from(compressed, (byte) => Buffer.from([byte]))).equals(text)).toBe(true);
      }
    }
  });

  test('gives a bomb in slices', () => {
    const bomb = zlib.deflateRawSync(Buffer.alloc(8 * 1024 * 1024));
    const inflater = new Inflater();
    inflater.feed(bomb);
    let total = 0;
    for (let slice = inflater.read(); slice !== undefined; slice = inflater.read()) {
      expect(slice.length).toBeLessThanOrEqual(65_536);
      total += slice.length;
    }
    expect(total).toBe(8 * 1024 * 1024);
  });

  test('every truncation is no end', () => {
    const compressed = zlib.deflateRawSync(Buffer.from('Hello, hello, hello, hello and so on: hello'.repeat(3)));
    for (let end = 1; end < compressed.length; end += 1) {
      const inflater = new Inflater();
      inflate([compressed.subarray(0, end)], inflater);
      expect(inflater.isBetweenBlocks, `cut at ${end}`).toBe(false);
    }
  });

  const INVALID: readonly (readonly [name: string, bytes: string])[] = [
    ['block type 3', '07'],
    ['stored length and complement that differ', '01 05 00 fa fe'],
    ['a distance before the beginning', 'f2 00 11 00 00 00 00 ff ff'],
    ['fixed literal 286', '1b 03'],
    ['too many literal codes', 'fd 00 00'],
    ['over-full code lengths', '04 00 fe ff ff ff ff ff ff'],
    ['no code lengths', `04${' 00'.repeat(80)}`],
  ];
  test.each(INVALID)('%s is refused, as zlib does', (_, bytes) => {
    expect(() => inflate([hex(bytes)])).toThrow(InflateError);
    expect(() => zlib.inflateRawSync(hex(bytes), { finishFlush: zlib.constants.Z_SYNC_FLUSH })).toThrow();
  });
});
