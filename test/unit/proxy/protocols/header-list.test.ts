import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../../../../proxy/protocols/header-list.ts';

describe('HeaderList', () => {
  it('finds names without regard to case and keeps their spelling', () => {
    const list = HeaderList.from([
      ['X-Api-Key', 'one'],
      ['x-api-key', 'two'],
    ]);
    expect(list.get('X-API-KEY')).toBe('one');
    expect(list.getAll('x-api-key')).toEqual(['one', 'two']);
    expect(list.has('X-api-key')).toBe(true);
    expect([...list.entries()]).toEqual([
      ['X-Api-Key', 'one'],
      ['x-api-key', 'two'],
    ]);
    expect(list.raw).toEqual(['x-api-key', 'one', 'x-api-key', 'two']);
  });

  it('sets in place of the first and drops the others', () => {
    const list = HeaderList.from([
      ['A', '1'],
      ['B', '2'],
      ['a', '3'],
      ['C', '4'],
    ]);
    list.set('a', '9');
    list.set('D', '5');
    expect([...list]).toEqual([
      ['A', '9'],
      ['B', '2'],
      ['C', '4'],
      ['D', '5'],
    ]);
  });

  it('clones without sharing', () => {
    const list = HeaderList.from([['A', '1']]);
    const copy = list.clone();
    copy.delete('a');
    expect([list.size, copy.size]).toEqual([1, 0]);
    expect(list.get('b')).toBeUndefined();
  });

  it('deletes as a filter would', () => {
    const pair = fc.tuple(fc.constantFrom('A', 'a', 'B', 'c'), fc.string());
    fc.assert(
      fc.property(fc.array(pair), fc.constantFrom('a', 'B', 'd'), (pairs, name) => {
        const list = HeaderList.from(pairs);
        const kept = pairs.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
        expect(list.delete(name)).toBe(pairs.length - kept.length);
        expect([...list]).toEqual(kept);
        expect(list.raw.length).toBe(2 * list.names.length);
      }),
    );
  });
});
