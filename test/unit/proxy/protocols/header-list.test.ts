import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FieldName, HeaderList } from '../../../../proxy/protocols/header-list.ts';

describe('HeaderList', () => {
  it('finds names without regard to case and keeps their spelling', () => {
    const list = HeaderList.from([
      ['X-Api-Key', 'one'],
      ['x-api-key', 'two'],
    ]);
    expect(list.get('x-api-key')).toBe('one');
    expect(list.getAll('x-api-key')).toEqual(['one', 'two']);
    expect(list.has('x-api-key')).toBe(true);
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

  const pair = fc.tuple(fc.constantFrom('A', 'a', 'B', 'c'), fc.string());

  it('deletes as a filter would', () => {
    fc.assert(
      fc.property(fc.array(pair), fc.constantFrom('a', 'b', 'd'), (pairs, name) => {
        const list = HeaderList.from(pairs);
        const kept = pairs.filter(([other]) => other.toLowerCase() !== name);
        expect(list.delete(name)).toBe(pairs.length - kept.length);
        expect([...list]).toEqual(kept);
        expect(list.raw.length).toBe(2 * list.names.length);
      }),
    );
  });

  it('deletes several names as one by one', () => {
    const sets = fc.constantFrom<readonly FieldName[]>([], ['a'], ['a', 'c'], ['b', 'd'], ['a', 'b', 'c']);
    fc.assert(
      fc.property(fc.array(pair), sets, (pairs, names) => {
        const [list, other] = [HeaderList.from(pairs), HeaderList.from(pairs)];
        const removed = names.reduce((sum, name) => sum + other.delete(name), 0);
        expect(list.deleteAll(new Set(names))).toBe(removed);
        expect([...list]).toEqual([...other]);
        expect(list.raw).toEqual(other.raw);
      }),
    );
  });
});
