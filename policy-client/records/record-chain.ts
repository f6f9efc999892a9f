import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import type { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { PendingRecords } from './pending-records.ts';
import { BatchWriter, type RecordBatch } from './record-batch.ts';

const MAX_BATCH_RECORDS = 256;
const MAX_BATCH_BYTES = 256 * 1024;

/** The chain of one proxy's records: where it stands, and the batches of what is added to it. */
export class RecordChain {
  readonly #writer = new BatchWriter();
  /** Of the last record; 0 for none. */
  sequence = 0;
  /** Hash of the last record. */
  head: Buffer;

  constructor(instanceId: string) {
    this.head = genesisHash(instanceId);
  }

  standAt(sequence: number, head: Buffer): void {
    this.sequence = sequence;
    this.head = head;
  }

  /** Adds these of the records. */
  add(records: PendingRecords, from: number, to: number): RecordBatch[] {
    const batches: RecordBatch[] = [];
    for (let index = from; index < to; index += 1) {
      this.#pack(this.#link(records.at(index)), index === to - 1, batches);
    }
    return batches;
  }

  /** Adds anew what was chained otherwise. */
  addAnew(records: readonly ChainedRecord[]): RecordBatch[] {
    return this.pack(records.map(({ record }) => this.#link(record)));
  }

  /** Batches of records that are chained already. */
  pack(records: readonly ChainedRecord[]): RecordBatch[] {
    const batches: RecordBatch[] = [];
    const last = records.at(-1);
    for (const record of records) this.#pack(record, record === last, batches);
    return batches;
  }

  /** The next link. */
  #link(record: Buffer): ChainedRecord {
    const previousHash = this.head;
    this.head = nextHash(previousHash, record);
    this.sequence += 1;
    return { sequence: this.sequence, previousHash, hash: this.head, record };
  }

  #pack(record: ChainedRecord, isLast: boolean, batches: RecordBatch[]): void {
    const writer = this.#writer;
    writer.add(record);
    if (!isLast && writer.size < MAX_BATCH_RECORDS && writer.length < MAX_BATCH_BYTES) return;
    const batch = writer.take();
    if (batch !== undefined) batches.push(batch);
  }
}
