import type { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { RecordCodec } from './record-codec.ts';
import { WireWriter } from './wire-writer.ts';

const MAX_REUSED_BYTES = 1024 * 1024;

/** Encoded records that are not in the chain yet, one after another in one buffer. */
export class PendingRecords {
  readonly #codec = new RecordCodec();
  #writer = new WireWriter();
  #ends: number[] = [];

  get size(): number {
    return this.#ends.length;
  }

  get bytes(): number {
    return this.#writer.length;
  }

  /** False when the record cannot be encoded or would be refused: one bad record must not take the others with it. */
  add(record: DecisionRecord): boolean {
    if (record.id === '' || record.at === undefined) return false;
    try {
      this.#codec.encode(record, this.#writer);
    } catch {
      return false;
    }
    this.#ends.push(this.#writer.length);
    return true;
  }

  /** Bytes of the record at this index. */
  lengthOf(index: number): number {
    return (this.#ends[index] ?? 0) - this.#startOf(index);
  }

  /** The record at this index; lent until `clear`. */
  at(index: number): Buffer {
    return this.#writer.view(this.#startOf(index), this.#ends[index] ?? 0);
  }

  clear(): void {
    this.#ends = [];
    // One huge batch must not hold its memory for good.
    if (this.#writer.length > MAX_REUSED_BYTES) this.#writer = new WireWriter();
    this.#writer.reset();
  }

  #startOf(index: number): number {
    return this.#ends[index - 1] ?? 0;
  }
}
