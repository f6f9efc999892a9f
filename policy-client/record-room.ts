import type { PendingRecords } from './pending-records.ts';
import { batchedLength } from './record-batch.ts';
import type { Spool } from './spool.ts';

/** Of memory and of the spool, so much is kept for calls that are under way. */
const KEPT_SHARE = 1 / 8;

/** Where decision records may still go. */
export class RecordRoom {
  readonly #maxMemoryBytes: number;
  readonly #spool: Spool | undefined;

  constructor(maxMemoryBytes: number, spool: Spool | undefined) {
    this.#maxMemoryBytes = maxMemoryBytes;
    this.#spool = spool;
  }

  /** How many of the records, which follow `sequence` in the chain, fit into memory that holds so many bytes. */
  countFitting(records: PendingRecords, sequence: number, memoryBytes: number): number {
    let bytes = memoryBytes;
    for (let index = 0; index < records.size; index += 1) {
      bytes += batchedLength(sequence + index + 1, records.lengthOf(index));
      if (bytes > this.#maxMemoryBytes) return index;
    }
    return records.size;
  }

  /** Whether the record of one call more is sure to find a place. `takesMemory`: new records may go to memory. */
  isLeft(memoryBytes: number, pendingBytes: number, takesMemory: boolean): boolean {
    const spool = this.#spool;
    const share = 1 - KEPT_SHARE;
    if (spool !== undefined && !spool.isFailing && spool.bytes + pendingBytes < share * spool.maxBytes) return true;
    return takesMemory && memoryBytes + pendingBytes < share * this.#maxMemoryBytes;
  }
}
