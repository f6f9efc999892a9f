import { describe, expect, test } from 'vitest';
import { beginsInside, isSearchableRange } from '../../../../proxy/http/byte-range.ts';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

const LONG = 32;

describe('a Range', () => {
  test.each(['bytes=0-', 'bytes=12345-', 'bytes=0-4095', 'bytes=5000-9999', 'BYTES=0-4095', 'bytes=-4096'])(
    '%s may be asked for',
    (value) => expect(isSearchableRange(value, LONG)).toBe(true),
  );

  test.each([
    'bytes=0-4094',
    'bytes=9-8',
    'bytes=-4095',
    'bytes=-',
    'bytes=0-4095,8192-',
    'bytes=0-,-1',
    'bytes= 0-',
    'bytes=0-4095 ',
    'items=0-4095',
    'bytes=a-',
    `bytes=0-${'9'.repeat(16)}`,
    '',
  ])('%s may not', (value) => expect(isSearchableRange(value, LONG)).toBe(false));

  test('no part may be asked for with a secret of which 14 characters are much', () => {
    expect(isSearchableRange('bytes=0-', LONG - 1)).toBe(false);
  });
});

describe('a 206', () => {
  const part = (value: string): boolean => beginsInside(HeaderList.from([['Content-Range', value]]));

  test('begins at the beginning, or inside', () => {
    expect(part('bytes 0-127/1000')).toBe(false);
    expect(part('bytes 0-4/5')).toBe(false);
    expect(part('bytes 1-128/129')).toBe(true);
    expect(part('bytes 500-999/*')).toBe(true);
  });

  test.each([
    'bytes 1-127/128',
    'bytes 0-9/100',
    'bytes */100',
    'bytes 9-8/100',
    'bytes 1-x/9',
    'items 0-999/1000',
    '',
  ])('%j cannot be searched', (value) => expect(() => part(value)).toThrow('cannot be searched'));

  test('of several parts cannot be searched', () => {
    const headers = HeaderList.from([['Content-Type', 'multipart/byteranges; boundary=x']]);
    expect(() => beginsInside(headers)).toThrow('cannot be searched');
  });
});
