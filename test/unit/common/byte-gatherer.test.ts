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
    expect(gatherer.whole().equals(bytes)).toBe(true);
    gatherer.add(bytes);
    expect(Buffer.concat(gatherer.takeAll()).equals(Buffer.concat([bytes, bytes]))).toBe(true);
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
    expect(gatherer.whole().toString()).toBe('bc');
  });

  test.each([
    ['large ones of their own memory, as they are', 8_000, 8_000, true],
    ['parts of larger memory, copied', 8_000, 20_000, false],
    ['small ones, copied', 100, 100, false],
  ])('keeps what nobody writes over: %s', (_, size, memorySize, isSame) => {
    const memory = Buffer.from(new ArrayBuffer(memorySize)).fill('k');
    const kept = memory.subarray(0, size);
    const gatherer = new ByteGatherer();
    gatherer.add(Buffer.from('before'));
    gatherer.keep(kept);
    gatherer.add(Buffer.from('behind'));
    expect(gatherer.length).toBe(size + 12);
    const taken = gatherer.takeAll();
    expect(Buffer.concat(taken).toString()).toBe(`before${kept.toString()}behind`);
    expect(taken.some(({ buffer }) => buffer === memory.buffer)).toBe(isSame);
    expect(memory.toString()).toBe('k'.repeat(memorySize));
  });

  test('small pieces between large ones share memory', () => {
    const gatherer = new ByteGatherer();
    const large = numbered(8_000);
    const parts = Array.from({ length: 20 }, (_, at) =>
      at % 2 === 0 ? Buffer.from(large.buffer.slice(0)) : large.subarray(at, 2 * at),
    );
    for (const part of parts) gatherer.keep(part);
    const taken = gatherer.takeAll();
    expect(Buffer.concat(taken).equals(Buffer.concat(parts))).toBe(true);
    expect(new Set(taken.filter((_, at) => at % 2 === 1).map(({ buffer }) => buffer)).size).toBe(1);
  });

  test('may be none', () => {
    const gatherer = new ByteGatherer();
    gatherer.add(Buffer.alloc(0));
    expect([gatherer.count, gatherer.whole().length, gatherer.takeAll()]).toEqual([0, 0, []]);
  });
});
