import { describe, expect, test } from 'vitest';
import { ByteGatherer } from '../../../common/byte-gatherer.ts';

const numbered = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => at % 251));

describe('gathered bytes', () => {
  test.each([1, 3, 1_000, 5_000, 200_000])('are what came, in pieces of %i', (size) => {
    const bytes = numbered(200_000);
    const gatherer = new ByteGatherer();
    for (let at = 0; at < bytes.length; at += size) gatherer.add(bytes.subarray(at, at + size));
    expect(gatherer.length).toBe(bytes.length);
    expect(gatherer.count).toBeLessThan(12);
    expect(Buffer.concat(gatherer.takeAll()).equals(bytes)).toBe(true);
    expect([gatherer.length, gatherer.count]).toEqual([0, 0]);
  });

  test('are copies, and taking some of them leaves the rest', () => {
    const gatherer = new ByteGatherer();
    const lent = Buffer.from('lent');
    gatherer.add(lent);
    lent.fill(0);
    expect(gatherer.shift()?.toString()).toBe('lent');
    expect(gatherer.shift()).toBeUndefined();
    gatherer.add(Buffer.alloc(1_024, 'a'));
    gatherer.add(Buffer.from('b'));
    expect(gatherer.shift()?.length).toBe(1_024);
    gatherer.add(Buffer.from('c'));
    expect(Buffer.concat(gatherer.takeAll()).toString()).toBe('bc');
  });

  test('may be none', () => {
    const gatherer = new ByteGatherer();
    gatherer.add(Buffer.alloc(0));
    expect([gatherer.count, gatherer.takeAll()]).toEqual([0, []]);
  });
});
