import { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { RecordBatch } from './record-batch.ts';

const MAX_BYTES = 1024 * 1024;
const MAX_BATCHES = 256;

/** The batches acknowledged last, should the control plane lose them: as many as have room, and the last in any case. */
export class RecentRecords {
  readonly #batches: RecordBatch[] = [];
  #bytes = 0;
  /** Hash that the record after `#startsAfter` follows, should no batch tell it. */
  #startHash: Buffer | undefined;
  #startsAfter = 0;

  /** The chain begins here, as far as this process knows. */
  startAt(sequence: number, hash: Buffer | undefined): void {
    this.#startsAfter = sequence;
    this.#startHash = hash;
  }

  /** @param batch acknowledged, to its end or in part; it follows the one before, or is a later part of it */
  add(batch: RecordBatch): void {
    const last = this.#batches.at(-1);
    if (last !== undefined && batch.lastSequence <= last.lastSequence) return;
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    while (this.#batches.length > 1 && (this.#bytes > MAX_BYTES || this.#batches.length > MAX_BATCHES)) {
      this.#bytes -= this.#batches.shift()?.bytes.length ?? 0;
    }
  }

  /** Hash of the record with this sequence, which is the last acknowledged; undefined when it is not known here. */
  hashOf(sequence: number): Buffer | undefined {
    const record = this.#batches
      .at(-1)
      ?.records()
      .find((each) => each.sequence === sequence);
    if (record !== undefined) return ChainedRecord.decode(record.bytes).hash;
    return sequence === this.#startsAfter ? this.#startHash : undefined;
  }

  /** Takes out what there is behind `sequence`, in order. A batch of which only a part is meant stays here as well. */
  takeAfter(sequence: number): RecordBatch[] {
    const taken: RecordBatch[] = [];
    let last = this.#batches.at(-1);
    while (last !== undefined && last.firstSequence > sequence) {
      this.#batches.pop();
      this.#bytes -= last.bytes.length;
      taken.unshift(last);
      last = this.#batches.at(-1);
    }
    const rest = last?.after(sequence);
    if (rest !== undefined) taken.unshift(rest);
    const [first] = taken[0]?.records() ?? [];
    if (first !== undefined) this.startAt(first.sequence - 1, ChainedRecord.decode(first.bytes).previousHash);
    return taken;
  }
}
