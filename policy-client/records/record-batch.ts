import type { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { varintLength, WireWriter } from './wire-writer.ts';

const HASH_BYTES = 32;
const MAX_REUSED_BYTES = 1024 * 1024;

/** A ChainedRecord as it goes over the wire. */
export interface EncodedRecord {
  readonly sequence: number;
  readonly bytes: Buffer;
}

/**
 * Chained records in order, in the wire form of a ReportDecisionsRequest. They wait for their acknowledgement as one
 * object: held one by one, they would outlive collections of the young generation by the thousand.
 */
export class RecordBatch {
  /** A ReportDecisionsRequest: one field for each record. */
  readonly bytes: Buffer;
  readonly firstSequence: number;
  /** Where in `bytes` each record's field ends. */
  readonly #ends: readonly number[];

  constructor(firstSequence: number, bytes: Buffer, ends: readonly number[]) {
    this.firstSequence = firstSequence;
    this.bytes = bytes;
    this.#ends = ends;
  }

  get size(): number {
    return this.#ends.length;
  }

  get lastSequence(): number {
    return this.firstSequence + this.#ends.length - 1;
  }

  /** The records that follow `sequence`: this batch, a later part of it, or undefined for none. */
  after(sequence: number): RecordBatch | undefined {
    const dropped = sequence - this.firstSequence + 1;
    if (dropped <= 0) return this;
    const start = this.#ends[dropped - 1];
    if (start === undefined || dropped >= this.#ends.length) return undefined;
    const ends = this.#ends.slice(dropped).map((end) => end - start);
    return new RecordBatch(sequence + 1, this.bytes.subarray(start), ends);
  }

  /** Each ChainedRecord, without the field's head. */
  records(): EncodedRecord[] {
    let start = 0;
    return this.#ends.map((end, index) => {
      const field = this.bytes.subarray(start, end);
      start = end;
      return { sequence: this.firstSequence + index, bytes: field.subarray(headLength(field)) };
    });
  }
}

/** Gathers records into a batch. */
export class BatchWriter {
  #writer = new WireWriter();
  #ends: number[] = [];
  #firstSequence = 0;

  get size(): number {
    return this.#ends.length;
  }

  /** Bytes gathered so far. */
  get length(): number {
    return this.#writer.length;
  }

  /** @param record with the sequence that follows the one added before */
  add({ sequence, previousHash, hash, record }: ChainedRecord): void {
    const writer = this.#writer;
    if (this.#ends.length === 0) this.#firstSequence = sequence;
    writer.nested(1, chainedLength(sequence, record.length));
    writer.number(1, sequence);
    writer.bytes(2, previousHash);
    writer.bytes(3, hash);
    writer.bytes(4, record);
    this.#ends.push(writer.length);
  }

  /** What was added, if anything was; the next batch begins. */
  take(): RecordBatch | undefined {
    if (this.#ends.length === 0) return undefined;
    const batch = new RecordBatch(this.#firstSequence, this.#writer.take(), this.#ends);
    this.#ends = [];
    // One huge batch must not hold its memory for good.
    if (this.#writer.length > MAX_REUSED_BYTES) this.#writer = new WireWriter();
    this.#writer.reset();
    return batch;
  }
}

/** Bytes that a record takes within a batch. */
export function batchedLength(sequence: number, recordBytes: number): number {
  const length = chainedLength(sequence, recordBytes);
  return 1 + varintLength(length) + length;
}

/** What a record takes within a batch beside its own bytes, at most: they are a mebibyte at most. */
export const MAX_LINK_BYTES = batchedLength(Number.MAX_SAFE_INTEGER, 1024 * 1024) - 1024 * 1024;

function chainedLength(sequence: number, recordBytes: number): number {
  const hashes = 2 * (1 + varintLength(HASH_BYTES) + HASH_BYTES);
  return 1 + varintLength(sequence) + hashes + 1 + varintLength(recordBytes) + recordBytes;
}

/** Length of a field's tag of one byte and its length. */
function headLength(field: Buffer): number {
  let at = 1;
  while ((field[at] ?? 0) > 0x7f) at += 1;
  return at + 1;
}
