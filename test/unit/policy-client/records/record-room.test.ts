import { describe, expect, it } from 'vitest';
import { PendingRecords } from '../../../../policy-client/records/pending-records.ts';
import { batchedLength, MAX_LINK_BYTES } from '../../../../policy-client/records/record-batch.ts';
import { mayHaveGoneOut, RecordRoom } from '../../../../policy-client/records/record-room.ts';
import type { Spool } from '../../../../policy-client/records/spool.ts';
import { DecisionRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';

const MEMORY = 8_000;
const EMPTY = { size: 0, bytes: 0 };
const FULL_DISK = { bytes: 8_000, maxBytes: 8_000, isFailing: false };

interface Case {
  readonly kind?: 'call' | 'refused';
  readonly calls?: number;
  readonly memory?: number;
  readonly pending?: { readonly size: number; readonly bytes: number };
  readonly takesMemory?: boolean;
  readonly disk?: { readonly bytes: number; readonly maxBytes: number; readonly isFailing: boolean };
}

function isLeft({ kind = 'call', calls = 0, memory = 0, pending = EMPTY, takesMemory = true, disk }: Case): boolean {
  const room = new RecordRoom(MEMORY, disk as Spool | undefined);
  return room.isLeft(kind, calls, pending as PendingRecords, takesMemory ? memory : undefined);
}

describe('room for one more record', () => {
  it.each<[string, Case, Case]>([
    ['seven eighths of memory for calls', { memory: 6_999 }, { memory: 7_000 }],
    ['a KiB of memory for each call under way', { memory: 5_952, calls: 2 }, { memory: 5_953, calls: 2 }],
    ['half of memory for refusals', { kind: 'refused', memory: 3_999 }, { kind: 'refused', memory: 4_000 }],
    ['the bytes that are pending', { pending: { size: 0, bytes: 6_999 } }, { pending: { size: 0, bytes: 7_000 } }],
    [
      'what links will take that are not made yet',
      { memory: 6_999 - MAX_LINK_BYTES, pending: { size: 1, bytes: 0 } },
      { memory: 7_000 - MAX_LINK_BYTES, pending: { size: 1, bytes: 0 } },
    ],
    ['memory, unless what follows lies on disk', { takesMemory: true }, { takesMemory: false }],
    [
      'seven eighths of the disk for calls',
      { memory: MEMORY, disk: { ...FULL_DISK, bytes: 6_999 } },
      { memory: MEMORY, disk: { ...FULL_DISK, bytes: 7_000 } },
    ],
    [
      'half of the disk for refusals',
      { kind: 'refused', takesMemory: false, disk: { ...FULL_DISK, bytes: 3_999 } },
      { kind: 'refused', takesMemory: false, disk: { ...FULL_DISK, bytes: 4_000 } },
    ],
    [
      'what is pending, on disk too',
      { takesMemory: false, pending: { size: 1, bytes: 999 - MAX_LINK_BYTES }, disk: { ...FULL_DISK, bytes: 6_000 } },
      { takesMemory: false, pending: { size: 1, bytes: 1_000 - MAX_LINK_BYTES }, disk: { ...FULL_DISK, bytes: 6_000 } },
    ],
    [
      'a disk that takes writes',
      { takesMemory: false, disk: { ...FULL_DISK, bytes: 0 } },
      { takesMemory: false, disk: { ...FULL_DISK, bytes: 0, isFailing: true } },
    ],
    [
      'memory when the disk is full, until it follows what is there',
      { disk: FULL_DISK },
      { disk: FULL_DISK, takesMemory: false },
    ],
  ])('%s', (_what, left, taken) => {
    expect([isLeft(left), isLeft(taken)]).toEqual([true, false]);
  });
});

describe('how many records fit into memory', () => {
  const records = new PendingRecords();
  for (const id of ['a', 'bb', 'ccc']) records.add(DecisionRecord.fromPartial({ id, at: new Date(0) }));
  // The sequence takes a byte more from the second one on.
  const lengths = [0, 1, 2].map((index) => batchedLength(127 + index, records.lengthOf(index)));
  const bytes = lengths.reduce((sum, length) => sum + length);

  it.each([
    ['all of them', bytes, 0, 3],
    ['all but the last', bytes - 1, 0, 2],
    ['beside what is there', bytes + 100, 100, 3],
    ['but for what is there', bytes + 99, 100, 2],
    ['none', (lengths[0] ?? 0) - 1, 0, 0],
  ])('%s', (_what, most, there, count) => {
    expect(new RecordRoom(most, undefined).countFitting(records, 126, there)).toBe(count);
  });
});

it.each([
  [{}, false],
  [{ grantId: 'g' }, true],
  [{ upstreamAddress: '192.0.2.1' }, true],
])('a record with %j may be of a call that went out: %s', (fields, expected) => {
  expect(mayHaveGoneOut(DecisionRecord.fromPartial(fields))).toBe(expected);
});
