import { describe, expect, it } from 'vitest';
import { FieldKind } from '../../../../../proxy/protocols/http2/field.ts';
import { HpackDecoder } from '../../../../../proxy/protocols/http2/hpack-decoder.ts';
import { Http2Error } from '../../../../../proxy/protocols/http2/http2-error.ts';
import { block } from '../../../../support/protocols/http2-frames.ts';

const LIMITS = { maxHeaderListBytes: 4_096, maxHeaderCount: 100 };

function decode(decoder: HpackDecoder, bytes: Buffer | string): string[] {
  const octets = typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes;
  decoder.decode(octets, 0, octets.length);
  return decoder.fields.map(({ name, value }) => `${name}: ${value}`);
}

function faultOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Http2Error) return error.code;
    throw error;
  }
  return 'none';
}

/** [section, what, hexadecimal block] */
const REFUSED: [string, string, string][] = [
  ['RFC 7541 6.1', 'index 0', '80'],
  ['RFC 7541 2.3.3', 'an index behind the static table while the dynamic one is empty', 'be'],
  ['RFC 7541 2.3.3', 'a name index that no table has', '7f 00 00'],
  ['RFC 7541 2.3.3', 'a huge index', 'ff 80 80 80 01'],
  ['RFC 7541 5.1', 'an integer cut off', 'ff'],
  ['RFC 7541 5.1', 'an integer cut off later', 'ff 80'],
  ['RFC 7541 5.1', 'an integer of more than 28 bits', 'ff ff ff ff ff 7f'],
  ['RFC 7541 5.1', 'an integer padded with zeros', 'ff 80 80 80 80 00'],
  ['RFC 7541 5.2', 'no name', '40'],
  ['RFC 7541 5.2', 'a name cut off', '40 05 61'],
  ['RFC 7541 5.2', 'no value', '40 01 61'],
  ['RFC 7541 5.2', 'a value cut off', '40 01 61 02 62'],
  ['RFC 7541 5.2', 'a string longer than any block', '40 7f ff ff ff 7f 61'],
  ['RFC 7541 5.2', 'EOS in a string', '40 01 61 84 ff ff ff ff'],
  ['RFC 7541 5.2', 'padding of 8 bits', '40 01 61 82 1f ff'],
  ['RFC 7541 5.2', 'padding of zeros', '40 01 61 81 18'],
  ['RFC 7541 5.2', 'a code cut off that is no padding', '40 01 61 81 fe'],
  ['RFC 7541 4.2', 'a size update behind a field', '82 20'],
  ['RFC 7541 4.2', 'a size update behind a field, which could pass for one', '82 21 00'],
  ['RFC 7541 6.3', 'a size update above the limit', '3f e2 1f'],
];

describe('HpackDecoder', () => {
  it.each(REFUSED)('%s refuses %s', (_, __, octets) => {
    expect(faultOf(() => decode(new HpackDecoder(LIMITS), octets))).toBe('COMPRESSION_ERROR');
  });

  it('RFC 7541 5.2 takes padding of 0 to 7 ones, and an empty coded string', () => {
    expect(decode(new HpackDecoder(LIMITS), '00 81 1f 80')).toEqual(['a: ']);
    expect(decode(new HpackDecoder(LIMITS), '00 85 18c6 318c 63 01 62')).toEqual(['aaaaaaaa: b']);
  });

  it('RFC 7541 4.4 empties the table for an entry that is larger than it', () => {
    const decoder = new HpackDecoder(LIMITS);
    decode(decoder, block([['a', 'b']], 0x40));
    expect(decoder.tableBytes).toBe(34);
    expect(decode(decoder, block([['a', 'x'.repeat(4_096)]], 0x40))).toEqual([]);
    expect(decoder.tableBytes).toBe(0);
    expect(faultOf(() => decode(decoder, 'be'))).toBe('COMPRESSION_ERROR');
  });

  it('RFC 7541 2.3.2 and 4.3 keep the order of entries while they come and go', () => {
    const decoder = new HpackDecoder(LIMITS);
    const value = (number: number) => `v${number}`.padEnd(60, '.');
    for (let number = 0; number < 200; number += 1) {
      decode(decoder, block([['n', value(number)]], 0x40));
      const held = Math.min(number + 1, Math.floor(4_096 / (1 + 60 + 32)));
      expect(decode(decoder, Buffer.from([0x80 | 62]))).toEqual([`n: ${value(number)}`]);
      expect(decode(decoder, Buffer.from([0x80 | (61 + held)]))).toEqual([`n: ${value(number + 1 - held)}`]);
      expect(faultOf(() => decode(decoder, Buffer.from([0x80 | (62 + held)])))).toBe('COMPRESSION_ERROR');
    }
  });

  it('RFC 7541 4.3 evicts when the table shrinks, down to nothing', () => {
    const decoder = new HpackDecoder(LIMITS);
    decode(decoder, block([['a', 'b']], 0x40));
    decode(decoder, block([['c', 'd']], 0x40));
    expect(decode(decoder, '3f 03 be')).toEqual(['c: d']);
    expect(decoder.tableBytes).toBe(34);
    expect(decode(decoder, '20 3f e1 1f 82')).toEqual([':method: GET']);
    expect(decoder.tableBytes).toBe(0);
  });

  it('RFC 9113 4.3.1 wants a smaller table confirmed at the beginning of the next block', () => {
    const late = new HpackDecoder(LIMITS);
    late.limitTable(100);
    expect(faultOf(() => decode(late, '82'))).toBe('COMPRESSION_ERROR');
    const prompt = new HpackDecoder(LIMITS);
    prompt.limitTable(100);
    expect(decode(prompt, '3f 45 82')).toEqual([':method: GET']);
    expect(faultOf(() => decode(prompt, '3f 46'))).toBe('COMPRESSION_ERROR');
  });

  it('RFC 9113 6.5.2 stops collecting over the limit of octets, and keeps its tables in step', () => {
    const decoder = new HpackDecoder({ maxHeaderListBytes: 100, maxHeaderCount: 100 });
    const large = Buffer.concat([block([['a', 'x'.repeat(80)]]), block([['b', 'c']], 0x40)]);
    expect(decode(decoder, large)).toEqual([]);
    expect(decoder.tooLarge).toBe(true);
    expect(decode(decoder, 'be')).toEqual(['b: c']);
    expect(decoder.tooLarge).toBe(false);
  });

  it('limits the number of fields', () => {
    const decoder = new HpackDecoder({ maxHeaderListBytes: 1e6, maxHeaderCount: 3 });
    expect(decode(decoder, '82 82 82')).toHaveLength(3);
    expect(decode(decoder, '82 82 82 82')).toEqual([]);
    expect(decoder.tooLarge).toBe(true);
  });

  it('judges a field once, also when it is later referred to', () => {
    const decoder = new HpackDecoder(LIMITS);
    const pairs: [string, string, number][] = [
      ['x-a', 'b', FieldKind.regular],
      ['X-a', 'b', FieldKind.badName],
      ['x a', 'b', FieldKind.badName],
      ['', 'b', FieldKind.badName],
      ['x-a', 'b\r\nc: d', FieldKind.badValue],
      ['x-a', 'b\0', FieldKind.badValue],
      ['x-a', ' b', FieldKind.badValue],
      ['x-a', 'b\t', FieldKind.badValue],
      ['x-a', '\xff', FieldKind.regular],
      [':path', '/\n', FieldKind.badValue],
      [':x', '', FieldKind.unknownPseudo],
      ['connection', 'close', FieldKind.connectionSpecific],
    ];
    for (const [name, value, kind] of pairs) {
      decode(decoder, block([[name, value]], 0x40));
      expect(decoder.fields[0]?.kind, JSON.stringify([name, value])).toBe(kind);
      decode(decoder, 'be');
      expect(decoder.fields[0]?.kind).toBe(kind);
    }
  });
});
