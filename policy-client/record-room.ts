import type { PendingRecords } from './pending-records.ts';
import { batchedLength } from './record-batch.ts';
import type { Spool } from './spool.ts';

/** Of memory and of the spool, so much may be full when a call goes out: the rest is kept for those that are under way. */
const CALL_SHARE = 7 / 8;
/** The same for the record of a call that did not go out: who is denied a lot must not keep others from their calls. */
const REFUSED_SHARE = 1 / 2;

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

  /** Whether the record of a call that is to go out now is sure to find a place. `takesMemory`: new records may go to memory. */
  isLeftForCall(memoryBytes: number, pendingBytes: number, takesMemory: boolean): boolean {
    return this.#isLeft(CALL_SHARE, memoryBytes, pendingBytes, takesMemory);
  }

  /** Whether there is a place for the record of a call that did not go out. */
  isLeftForRefused(memoryBytes: number, pendingBytes: number, takesMemory: boolean): boolean {
    return this.#isLeft(REFUSED_SHARE, memoryBytes, pendingBytes, takesMemory);
  }

  #isLeft(share: number, memoryBytes: number, pendingBytes: number, takesMemory: boolean): boolean {
    const spool = this.#spool;
    if (spool !== undefined && !spool.isFailing && spool.bytes + pendingBytes < share * spool.maxBytes) return true;
    return takesMemory && memoryBytes + pendingBytes < share * this.#maxMemoryBytes;
  }
}
