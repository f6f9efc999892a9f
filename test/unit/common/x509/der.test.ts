import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bitString,
  objectIdentifier,
  octetString,
  sequence,
  time,
  unsignedInteger,
  utf8String,
} from '../../../../common/x509/der.ts';
import { DerError, DerReader, readSequence } from '../../../../common/x509/der-reader.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('DER writing', () => {
  it.each([
    [unsignedInteger(Uint8Array.of(0)), '020100'],
    [unsignedInteger(Uint8Array.of()), '020100'],
    [unsignedInteger(Uint8Array.of(0, 0, 0x7f)), '02017f'],
    [unsignedInteger(Uint8Array.of(0x80)), '02020080'],
    [objectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    [objectIdentifier('2.5.29.14'), '0603551d0e'],
    [bitString(Uint8Array.of(6), 1), '03020106'],
    [utf8String('é'), '0c02c3a9'],
    [sequence(), '3000'],
    [time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)), `170d${hex(Buffer.from('491231235959Z'))}`],
    [time(Date.UTC(2050, 0, 1)), `180f${hex(Buffer.from('20500101000000Z'))}`],
  ])('%#', (der, expected) => {
    expect(hex(der)).toBe(expected);
  });
});

describe('DER reading', () => {
  it.each([0, 1, 127, 128, 255, 256, 65535, 65536])('reads %i bytes back, and no truncation of them', (length) => {
    const der = octetString(Buffer.alloc(length, 7));
    const reader = new DerReader(der);
    expect(reader.expect(4).value.length).toBe(length);
    expect(reader.done).toBe(true);
    for (const cut of [1, 2, 3, der.length - 1]) {
      if (cut < der.length) expect(() => new DerReader(der.subarray(0, cut)).next()).toThrow(DerError);
    }
  });

  it.each(['30', '3080', '308100', '30817f', '30820001', '3084000000ff', '1f8101', '3001', '0400', '300000'])(
    'refuses %s',
    (bytes) => {
      expect(() => readSequence(Buffer.from(bytes, 'hex'))).toThrow(DerError);
    },
  );

  it('throws nothing but DerError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const reader = new DerReader(bytes);
          while (!reader.done) reader.next();
        } catch (error) {
          expect(error).toBeInstanceOf(DerError);
        }
      }),
    );
  });
});
