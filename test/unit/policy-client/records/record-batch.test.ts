import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { BatchWriter, batchedLength, type RecordBatch } from '../../../../policy-client/records/record-batch.ts';
import { ChainedRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../../proto/gen/sidekey/v1/proxy.ts';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const bytes = fc.uint8Array({ minLength: 1, maxLength: 9_000 }).map((value) => Buffer.from(value));
const parts = fc.array(fc.record({ previousHash: hash, hash, record: bytes }), { minLength: 1, maxLength: 6 });
const first = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 10 }));
const chained = fc
  .tuple(first, parts)
  .map(([sequence, links]): ChainedRecord[] => links.map((link, index) => ({ sequence: sequence + index, ...link })));

function pack(records: readonly ChainedRecord[]): RecordBatch {
  const writer = new BatchWriter();
  for (const record of records) writer.add(record);
  const batch = writer.take();
  if (batch === undefined) throw new Error('no batch');
  return batch;
}

const decoded = (batch: RecordBatch) => ReportDecisionsRequest.decode(batch.bytes).records;

describe('RecordBatch', () => {
  it('is what the generated codec writes', () => {
    fc.assert(
      fc.property(chained, (records) => {
        const batch = pack(records);
        expect(batch.bytes).toEqual(
          Buffer.from(ReportDecisionsRequest.encode({ records, missingAfter: undefined }).finish()),
        );
        const lengths = records.map(({ sequence, record }) => batchedLength(sequence, record.length));
        expect(lengths.reduce((sum, length) => sum + length)).toBe(batch.bytes.length);
        expect([batch.firstSequence, batch.lastSequence]).toEqual([records[0]?.sequence, records.at(-1)?.sequence]);
      }),
    );
  });

  it('gives its records one by one', () => {
    fc.assert(
      fc.property(chained, (records) => {
        const given = pack(records).records();
        expect(given.map(({ sequence }) => sequence)).toEqual(records.map(({ sequence }) => sequence));
        expect(given.map((record) => ChainedRecord.decode(record.bytes))).toEqual(records);
      }),
    );
  });

  it('goes on after each of its records', () => {
    fc.assert(
      fc.property(chained, (records) => {
        const batch = pack(records);
        expect(batch.after(batch.firstSequence - 1)).toBe(batch);
        expect(batch.after(batch.lastSequence)).toBeUndefined();
        records.slice(0, -1).forEach(({ sequence }, index) => {
          const rest = batch.after(sequence);
          expect(rest?.firstSequence).toBe(sequence + 1);
          expect(rest === undefined ? [] : decoded(rest)).toEqual(records.slice(index + 1));
          expect(rest?.records().map((record) => ChainedRecord.decode(record.bytes))).toEqual(records.slice(index + 1));
          expect(rest?.after(batch.lastSequence)).toBeUndefined();
        });
      }),
    );
  });

  it('keeps a buffer for the next batch, but no huge one', () => {
    const longest = 1024 * 1024;
    const link = { previousHash: Buffer.alloc(32), hash: Buffer.alloc(32) };
    const made = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const madeFor = (bytes: number): number => {
      made.mockClear();
      writer.add({ sequence: 1, record: Buffer.alloc(bytes), ...link });
      writer.take();
      return made.mock.calls.length;
    };
    const writer = new BatchWriter();
    try {
      madeFor(longest - 1_000);
      expect(madeFor(longest - 1_000)).toBe(0);
      madeFor(longest + 1_000);
      expect(madeFor(longest - 1_000)).toBeGreaterThan(0);
    } finally {
      made.mockRestore();
    }
  });

  it('holds what came after the one before, of whatever length, and is not made of nothing', () => {
    const writer = new BatchWriter();
    const link = { previousHash: Buffer.alloc(32, 1), hash: Buffer.alloc(32, 2) };
    expect(writer.take()).toBeUndefined();
    // The length of the whole takes a byte more from 128 on.
    for (let length = 40; length < 70; length += 1) {
      const records = [1, 2].map((of) => ({ sequence: length * 10 + of, record: Buffer.alloc(length, of), ...link }));
      for (const record of records) writer.add(record);
      const batch = writer.take();
      expect([batch?.size, batch?.firstSequence, writer.size]).toEqual([2, length * 10 + 1, 0]);
      expect(batch?.records().map(({ bytes: each }) => ChainedRecord.decode(each))).toEqual(records);
    }
    expect(writer.take()).toBeUndefined();
  });
});
