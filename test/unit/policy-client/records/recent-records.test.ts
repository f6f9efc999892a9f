import { describe, expect, it, vi } from 'vitest';
import { PendingRecords } from '../../../../policy-client/records/pending-records.ts';
import { RecentRecords } from '../../../../policy-client/records/recent-records.ts';
import { BatchWriter, type RecordBatch } from '../../../../policy-client/records/record-batch.ts';
import { DecisionRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';

const hashOf = (sequence: number): Buffer => Buffer.alloc(32, sequence % 251);

/** Records from `first` on; each hash says which. */
function batch(first: number, count: number, recordBytes = 10): RecordBatch {
  const writer = new BatchWriter();
  for (let sequence = first; sequence < first + count; sequence += 1) {
    const record = Buffer.alloc(recordBytes);
    writer.add({ sequence, previousHash: hashOf(sequence - 1), hash: hashOf(sequence), record });
  }
  const made = writer.take();
  if (made === undefined) throw new Error('no batch');
  return made;
}

function recent(...batches: RecordBatch[]): RecentRecords {
  const made = new RecentRecords();
  for (const one of batches) made.add(one);
  return made;
}

const taken = (from: RecentRecords, sequence: number): [first: number, last: number][] =>
  from.takeAfter(sequence).map(({ firstSequence, lastSequence }) => [firstSequence, lastSequence]);

describe('batches acknowledged last', () => {
  it.each([
    [
      0,
      [
        [1, 2],
        [3, 5],
        [6, 6],
      ],
    ],
    [
      2,
      [
        [3, 5],
        [6, 6],
      ],
    ],
    [
      3,
      [
        [4, 5],
        [6, 6],
      ],
    ],
    [5, [[6, 6]]],
    [6, []],
  ])('are given back behind record %i', (sequence, expected) => {
    expect(taken(recent(batch(1, 2), batch(3, 3), batch(6, 1)), sequence)).toEqual(expected);
  });

  it('are there once, though acknowledged in parts', () => {
    const whole = batch(1, 4);
    expect(taken(recent(whole, whole, whole.after(2) ?? whole), 0)).toEqual([[1, 4]]);
  });

  it('are as many as have room, and the last in any case', () => {
    const many = Array.from({ length: 257 }, (_, at) => batch(at + 1, 1));
    expect(taken(recent(...many), 0)).toHaveLength(256);
    const huge = 1024 * 1024;
    expect(taken(recent(batch(1, 1), batch(2, 1, huge)), 0)).toEqual([[2, 2]]);
    expect(taken(recent(batch(1, 1, huge), batch(2, 1), batch(3, 1)), 0)).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect(taken(recent(batch(1, 1, huge / 2 - 200), batch(2, 1, huge / 2 - 200)), 0)).toHaveLength(2);
  });

  it('leave their room when they are taken', () => {
    const half = 1024 * 512;
    const some = recent(batch(1, 1, half));
    for (let time = 0; time < 4; time += 1) expect(taken(some, 0)).toEqual([[1, 1]].slice(time));
    some.add(batch(1, 1, half - 200));
    some.add(batch(2, 1, half - 200));
    expect(taken(some, 0)).toHaveLength(2);
  });

  it('tell the hash of the last acknowledged record, and of what the chain begins with', () => {
    const some = recent();
    expect([some.hashOf(0), some.hashOf(1)]).toEqual([undefined, undefined]);
    some.startAt(2, hashOf(2));
    expect([some.hashOf(1), some.hashOf(2)]).toEqual([undefined, hashOf(2)]);
    some.add(batch(3, 3));
    expect([3, 4, 5, 6].map((sequence) => some.hashOf(sequence))).toEqual([hashOf(3), hashOf(4), hashOf(5), undefined]);
    some.takeAfter(4);
    expect(some.hashOf(4)).toEqual(hashOf(4));
    some.takeAfter(2);
    expect([some.hashOf(2), some.hashOf(3)]).toEqual([hashOf(2), undefined]);
    expect(some.takeAfter(2)).toEqual([]);
    const later = recent(batch(6, 2), batch(8, 1));
    later.takeAfter(0);
    expect([later.hashOf(5), later.hashOf(7)]).toEqual([hashOf(5), undefined]);
  });
});

describe('records that wait for their place in the chain', () => {
  const record = (id: string) => DecisionRecord.fromPartial({ id, at: new Date(0) });

  it('keep a buffer for the next ones, but no huge one', () => {
    const pending = new PendingRecords();
    const made = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const madeFor = (path: string): number => {
      made.mockClear();
      pending.add({ ...record('x'), path });
      pending.clear();
      return made.mock.calls.length;
    };
    const [most, more] = ['x'.repeat(1024 * 1024 - 100), 'x'.repeat(1024 * 1024)];
    try {
      madeFor(most);
      expect(madeFor(most)).toBe(0);
      madeFor(more);
      expect(madeFor(most)).toBeGreaterThan(0);
    } finally {
      made.mockRestore();
    }
  });

  it.each([
    ['without an id', record('')],
    ['without a time', { ...record('x'), at: undefined }],
    ['that cannot be encoded', { ...record('x'), durationUs: -1 }],
  ])('are not one %s', (_what, bad) => {
    const pending = new PendingRecords();
    expect([pending.add(record('a')), pending.add(bad), pending.add(record('bb'))]).toEqual([true, false, true]);
    expect([pending.size, pending.bytes]).toEqual([2, pending.lengthOf(0) + pending.lengthOf(1)]);
    const ids = [0, 1].map((index) => DecisionRecord.decode(pending.at(index)).id);
    expect(ids).toEqual(['a', 'bb']);
    pending.clear();
    expect([pending.size, pending.bytes, pending.add(record('c'))]).toEqual([0, 0, true]);
    expect(DecisionRecord.decode(pending.at(0)).id).toBe('c');
  });
});
