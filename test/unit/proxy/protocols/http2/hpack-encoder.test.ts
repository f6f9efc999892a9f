import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../../../../proxy/protocols/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../../../proxy/protocols/http2/hpack-encoder.ts';

const LIMITS = { maxHeaderListBytes: 65_536, maxHeaderCount: 1_000 };

type Line = readonly [name: string, value: string, sensitive?: boolean];

function encode(encoder: HpackEncoder, ...lines: Line[]): Buffer {
  encoder.begin();
  for (const [name, value, sensitive] of lines) encoder.field(name, value, sensitive ?? false);
  return Buffer.from(encoder.bytes.subarray(0, encoder.length));
}

function decode(decoder: HpackDecoder, block: Buffer): [string, string][] {
  decoder.decode(block, 0, block.length);
  return decoder.fields.map(({ name, value }) => [name, value]);
}

describe('HpackEncoder', () => {
  it('RFC 7541 appendix A refers to the static table, names alone too', () => {
    const encoder = new HpackEncoder(4_096);
    expect(encode(encoder, [':method', 'GET'], [':status', '200'], [':path', '/x'])).toEqual(
      Buffer.from('828804022f78', 'hex'),
    );
  });

  it('puts into the table what repeats, and nothing else', () => {
    const encoder = new HpackEncoder(4_096);
    const once = encode(encoder, ['x-a', 'b']);
    expect(encoder.tableBytes).toBe(0);
    const twice = encode(encoder, ['x-a', 'b']);
    expect([once[0], twice[0]]).toEqual([0x00, 0x40]);
    expect(encoder.tableBytes).toBe(36);
    expect(encode(encoder, ['x-a', 'b'])).toEqual(Buffer.from([0x80 | 62]));
    for (let number = 0; number < 1_000; number += 1) encode(encoder, ['x-b', String(number)]);
    expect(encoder.tableBytes).toBe(36);
  });

  it('RFC 7541 7.1.3 puts sensitive values into no table and marks them', () => {
    const encoder = new HpackEncoder(4_096);
    for (let time = 0; time < 3; time += 1) {
      const block = encode(encoder, ['authorization', 'Bearer x', true], [':path', '/?key=s', true], ['k', 'v', true]);
      expect(block[0]).toBe(0x1f);
      const decoder = new HpackDecoder(LIMITS);
      expect(decode(decoder, block)).toHaveLength(3);
      expect([...decoder.sensitive]).toEqual(['authorization', ':path', 'k']);
    }
    expect(encoder.tableBytes).toBe(0);
  });

  it.each(['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'x-amz-security-token'])(
    'RFC 7541 7.1.3 takes %s as sensitive without being told',
    (name) => {
      const encoder = new HpackEncoder(4_096);
      for (let time = 0; time < 3; time += 1) expect(encode(encoder, [name, 'v'])[0]).toBeGreaterThanOrEqual(0x10);
      expect(encoder.tableBytes).toBe(0);
    },
  );

  it('bounds the names that it knows', () => {
    const encoder = new HpackEncoder(4_096);
    const decoder = new HpackDecoder(LIMITS);
    for (let at = 0; at < 3_000; at += 1) {
      const lines: Line[] = [
        [`x-${at}`, 'a'],
        ['x-same', 'b'],
        [`x-${at % 3}`, 'a'],
      ];
      expect(decode(decoder, encode(encoder, ...lines))).toEqual(lines.map(([name, value]) => [name, value]));
    }
  });

  it('RFC 7541 7.1.3 never refers to a table for a sensitive value, even one that stands there', () => {
    const encoder = new HpackEncoder(4_096);
    for (let time = 0; time < 3; time += 1) encode(encoder, ['k', 'v']);
    expect(encode(encoder, ['k', 'v', true])).toEqual(Buffer.from([0x1f, 62 - 15, 1, 0x76]));
  });

  it('RFC 7541 4.2 tells the smallest size and the last before the next block', () => {
    const encoder = new HpackEncoder(4_096);
    for (let time = 0; time < 3; time += 1) encode(encoder, ['x-a', 'b']);
    encoder.allowTable(0);
    expect(encoder.tableBytes).toBe(0);
    encoder.allowTable(1_000_000);
    const block = encode(encoder, ['x-a', 'b']);
    expect(block.subarray(0, 4)).toEqual(Buffer.from('203fe11f', 'hex'));
    expect(decode(new HpackDecoder(LIMITS), block)).toEqual([['x-a', 'b']]);
    expect(encode(encoder, [':method', 'GET'])).toEqual(Buffer.from([0x82]));
    encoder.allowTable(1_000);
    expect(encode(encoder, [':method', 'GET'])).toEqual(Buffer.from('3fc90782', 'hex'));
  });

  it('writes names, values and blocks of any length', () => {
    const lengths = [1, 126, 127, 128, 254, 255, 256, 1_000, 16_510, 16_511, 16_512];
    const lines = lengths.flatMap((length): Line[] => [
      ['x-a', 'v'.repeat(length)],
      ['n'.repeat(Math.min(length, 300)), ''],
    ]);
    const encoder = new HpackEncoder(4_096);
    for (let time = 0; time < 3; time += 1) {
      expect(decode(new HpackDecoder(LIMITS), encode(encoder, ...lines))).toEqual(lines);
      encoder.allowTable(0);
    }
  });

  it('refers to entries however many there are', () => {
    const encoder = new HpackEncoder(16_384);
    const decoder = new HpackDecoder(LIMITS);
    encoder.allowTable(16_384);
    decoder.limitTable(16_384);
    const lines = Array.from({ length: 300 }, (_, at): Line => ['x-a', String(at)]);
    decode(decoder, encode(encoder, ...lines.flatMap((line) => [line, line])));
    const block = encode(encoder, ...lines);
    expect(decode(decoder, block)).toEqual(lines);
    // Their indexes are 62 to 361: one octet below 127, two below 255, three from there on.
    expect(block).toHaveLength(65 + 2 * 128 + 3 * 107);
  });

  it('uses no table where none is allowed, by us or by the peer', () => {
    for (const [own, peer] of [
      [0, 4_096],
      [4_096, 0],
    ] as const) {
      const encoder = new HpackEncoder(own);
      encoder.allowTable(peer);
      const decoder = new HpackDecoder(LIMITS);
      decoder.limitTable(0);
      for (let time = 0; time < 4; time += 1) {
        expect(decode(decoder, encode(encoder, ['x-a', 'b']))).toEqual([['x-a', 'b']]);
      }
      expect(encoder.tableBytes).toBe(0);
    }
  });

  it('stays in step with a decoder while entries come and go', () => {
    const encoder = new HpackEncoder(512);
    const decoder = new HpackDecoder(LIMITS);
    for (let round = 0; round < 2_000; round += 1) {
      const lines: Line[] = [
        [`x-${round % 7}`, `value ${round % 13}`],
        ['x-same', String(round % 3)],
        ['date', `day ${Math.floor(round / 5)}`],
      ];
      expect(decode(decoder, encode(encoder, ...lines))).toEqual(lines.map(([name, value]) => [name, value]));
      expect(decoder.tableBytes).toBe(encoder.tableBytes);
      expect(encoder.tableBytes).toBeLessThanOrEqual(512);
    }
    expect(encoder.tableBytes).toBeGreaterThan(0);
  });

  it.each([
    ['x-a', 'b\r\nc: d'],
    ['x-a', 'b\0'],
    ['x-a', ' b'],
    ['x-a', 'b '],
    ['x-a', '\u0142'],
    ['X-A', 'b'],
    ['x a', 'b'],
    ['', 'b'],
    [':unknown', 'b'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
  ])('refuses to write %j: %j', (name, value) => {
    expect(() => encode(new HpackEncoder(4_096), [name, value])).toThrow(/to write/);
  });
});
