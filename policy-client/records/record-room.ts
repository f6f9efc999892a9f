import type { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { PendingRecords } from './pending-records.ts';
import { batchedLength, MAX_LINK_BYTES } from './record-batch.ts';
import type { Spool } from './spool.ts';

/**
 * Of memory and of the spool, so much may be full when a call goes out: the rest is kept for those that are under way. And when one
 * is refused: who is denied a lot must not keep others from their calls.
 */
const SHARES = { call: 7 / 8, refused: 1 / 2 } as const;

/** Kept for the record of each call that is under way: three times what most take. */
const CALL_BYTES = 1_024;

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

  /**
   * Whether there is a place for the record of one call more, which goes out or was refused, beside those of the `calls` that
   * are under way. `memoryBytes`: undefined where new records may not go to memory.
   */
  isLeft(kind: keyof typeof SHARES, calls: number, pending: PendingRecords, memoryBytes: number | undefined): boolean {
    const pendingBytes = pending.bytes + pending.size * MAX_LINK_BYTES;
    const spool = this.#spool;
    const takesSpool = spool !== undefined && !spool.isFailing;
    if (takesSpool && fits(kind, calls, spool.bytes + pendingBytes, spool.maxBytes)) return true;
    return memoryBytes !== undefined && fits(kind, calls, memoryBytes + pendingBytes, this.#maxMemoryBytes);
  }
}

function fits(kind: keyof typeof SHARES, calls: number, bytes: number, maxBytes: number): boolean {
  return bytes < SHARES[kind] * maxBytes && bytes + calls * CALL_BYTES <= maxBytes;
}

/** Without a grant, tunnels and observed calls have an upstream. */
export function mayHaveGoneOut({ grantId, upstreamAddress }: DecisionRecord): boolean {
  return grantId !== '' || upstreamAddress !== '';
}
