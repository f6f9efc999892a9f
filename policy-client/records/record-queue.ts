import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import type { ChainedRecord, DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { lossRecord } from './loss-record.ts';
import { PendingRecords } from './pending-records.ts';
import { BatchWriter, type RecordBatch } from './record-batch.ts';
import { RecentRecords } from './recent-records.ts';
import { mayHaveGoneOut, RecordRoom } from './record-room.ts';
import type { Spool } from './spool.ts';

const MAX_PENDING = 1_024;
const MAX_BATCH_RECORDS = 256;
const MAX_BATCH_BYTES = 256 * 1024;

export interface RecordQueueOptions {
  readonly instanceId: string;
  readonly maxMemoryBytes: number;
  readonly spool: Spool | undefined;
  readonly nowMs: () => number;
}

/**
 * Decision records from `push` to acknowledgement: encoded, then chained in memory, then on disk, always
 * in that order of age reversed. A record enters the chain only once it has a place, so that the chain has no holes: what
 * finds no place is counted, and the count enters the chain as a record of its own.
 */
export class RecordQueue {
  readonly #options: RecordQueueOptions;
  readonly #room: RecordRoom;
  readonly #pending = new PendingRecords();
  readonly #marker = new PendingRecords();
  readonly #writer = new BatchWriter();
  /** Undelivered, oldest first; the first `#sent` of them are on their way. */
  readonly #memory: RecordBatch[] = [];
  #memoryBytes = 0;
  #sent = 0;
  #inFlight = 0;
  #acked = 0;
  readonly #recent = new RecentRecords();
  #sequence = 0;
  #head: Buffer;
  #unreportedLosses = 0;
  /** The chain's head is not known, so nothing can be added to it. */
  #resumed = false;
  lost = 0;
  delivered = 0;

  constructor(options: RecordQueueOptions) {
    this.#options = options;
    this.#room = new RecordRoom(options.maxMemoryBytes, options.spool);
    this.#head = genesisHash(options.instanceId);
    this.#recent.startAt(0, this.#head);
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Last sequence that is acknowledged; 0 for none. */
  get acked(): number {
    return this.#acked;
  }

  /** Records on their way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Records not acknowledged yet, those that are lost left out. */
  get backlog(): number {
    return this.#pending.size + (this.#sequence - this.#acked);
  }

  /** Whether one call more would be recorded, beside the `calls` that are under way. */
  hasRoomFor(kind: 'call' | 'refused', calls: number): boolean {
    const memoryBytes = this.#hasUnloaded() ? undefined : this.#memoryBytes;
    return this.#room.isLeft(kind, calls, this.#pending, memoryBytes);
  }

  get unreportedLosses(): number {
    return this.#unreportedLosses;
  }

  /** Goes on with what a loaded spool holds; nothing may have been pushed before. */
  resume(): void {
    const { spool } = this.#options;
    if (spool === undefined || spool.lastSequence === 0) return;
    this.#acked = spool.firstSequence - 1;
    this.#sequence = spool.lastSequence;
    this.#resumed = true;
    if (this.#acked > 0) this.#recent.startAt(this.#acked, spool.startHash());
  }

  push(record: DecisionRecord): void {
    record.instanceId = this.#options.instanceId;
    const hasPlace = mayHaveGoneOut(record) || this.hasRoomFor('refused', 0);
    if (!hasPlace || !this.#pending.add(record)) this.#lose(1);
    if (this.#pending.size >= MAX_PENDING) this.flush();
  }

  /** Chains what is pending. */
  flush(): void {
    if (this.#resumed) return;
    const pending = this.#pending;
    // The count of what is missing stands in the chain before what follows it.
    const placed = this.#reportLosses() ? this.#place(pending) : 0;
    if (placed < pending.size) this.#lose(pending.size - placed);
    pending.clear();
  }

  #lose(count: number): void {
    this.lost += count;
    this.#unreportedLosses += count;
  }

  /** False when the record of the losses found no place. */
  #reportLosses(): boolean {
    if (this.#unreportedLosses === 0) return true;
    this.#marker.clear();
    if (!this.#marker.add(this.#lossRecord(this.#unreportedLosses)) || this.#place(this.#marker) === 0) return false;
    this.#unreportedLosses = 0;
    return true;
  }

  /** Gives the first records a place, in order; returns how many found one. */
  #place(records: PendingRecords): number {
    const fitting = this.#hasUnloaded() ? 0 : this.#room.countFitting(records, this.#sequence, this.#memoryBytes);
    this.#chain(records, 0, fitting).forEach((batch) => this.#keep(batch));
    const { spool } = this.#options;
    if (fitting === records.size || spool === undefined) return fitting;
    const [sequence, head] = [this.#sequence, this.#head];
    if (spool.append(this.#chain(records, fitting, records.size).flatMap((batch) => batch.records()))) {
      return records.size;
    }
    this.#sequence = sequence;
    this.#head = head;
    return fitting;
  }

  /** Adds these records to the chain. */
  #chain(records: PendingRecords, from: number, to: number): RecordBatch[] {
    const batches: RecordBatch[] = [];
    for (let index = from; index < to; index += 1) {
      this.#pack(this.#link(records.at(index)), index === to - 1, batches);
    }
    return batches;
  }

  /** The chain's next link. */
  #link(record: Buffer): ChainedRecord {
    const previousHash = this.#head;
    this.#head = nextHash(previousHash, record);
    this.#sequence += 1;
    return { sequence: this.#sequence, previousHash, hash: this.#head, record };
  }

  #pack(record: ChainedRecord, isLast: boolean, batches: RecordBatch[]): void {
    const writer = this.#writer;
    writer.add(record);
    if (!isLast && writer.size < MAX_BATCH_RECORDS && writer.length < MAX_BATCH_BYTES) return;
    const batch = writer.take();
    if (batch !== undefined) batches.push(batch);
  }

  #keep(batch: RecordBatch): void {
    this.#memory.push(batch);
    this.#memoryBytes += batch.bytes.length;
  }

  /** True when the spool holds records that follow those in memory. */
  #hasUnloaded(): boolean {
    const last = this.#memory.at(-1)?.lastSequence ?? this.#acked;
    return (this.#options.spool?.lastSequence ?? 0) > last;
  }

  /** The next records to send, which count as on their way from now on. */
  next(): RecordBatch | undefined {
    if (this.#memory.length === 0) this.#load();
    const batch = this.#memory[this.#sent];
    if (batch === undefined) return undefined;
    this.#sent += 1;
    this.#inFlight += batch.size;
    return batch;
  }

  #load(): void {
    const { spool } = this.#options;
    if (spool === undefined || !this.#hasUnloaded()) return;
    let records = spool.readAfter(this.#acked);
    if (records[0]?.sequence !== this.#acked + 1) {
      if (!this.#mend(spool)) return;
      records = spool.readAfter(this.#acked);
    }
    const last = records.at(-1);
    const batches: RecordBatch[] = [];
    for (const record of records) this.#pack(record, record === last, batches);
    batches.forEach((batch) => this.#keep(batch));
  }

  /**
   * Something on disk cannot be read any more. The control plane takes no chain with a gap, and none of these records is
   * stored there yet: they are chained anew after the last one that is, with a record of the loss where the others were.
   */
  #mend(spool: Spool): boolean {
    const ackedHash = this.#recent.hashOf(this.#acked);
    if (ackedHash === undefined) return false;
    const before = [this.#sequence, this.#head] as const;
    [this.#sequence, this.#head] = [this.#acked, ackedHash];
    let lost = 0;
    const mended = spool.rewrite(this.#acked, (missing, records) => {
      lost += missing;
      this.#marker.clear();
      if (missing > 0) this.#marker.add(this.#lossRecord(missing));
      const batches = this.#chain(this.#marker, 0, this.#marker.size);
      const last = records.at(-1);
      for (const record of records) this.#pack(this.#link(record.record), record === last, batches);
      return batches.flatMap((batch) => batch.records());
    });
    if (mended) this.lost += lost;
    else [this.#sequence, this.#head] = before;
    return mended;
  }

  /** The stream is gone: what was on its way goes out again. */
  rewind(): void {
    this.#sent = 0;
    this.#inFlight = 0;
  }

  /** Everything up to this sequence is stored; what was never sent cannot be. */
  acknowledge(sequence: number): void {
    const before = this.#inFlight;
    let first = this.#memory[0];
    while (first !== undefined && this.#sent > 0 && first.firstSequence <= sequence) {
      this.#recent.add(first);
      const rest = first.after(sequence);
      this.#memoryBytes -= first.bytes.length - (rest?.bytes.length ?? 0);
      this.#inFlight -= first.size - (rest?.size ?? 0);
      this.#acked = rest === undefined ? first.lastSequence : sequence;
      if (rest === undefined) {
        this.#memory.shift();
        this.#sent -= 1;
      } else this.#memory[0] = rest;
      first = this.#memory[0];
    }
    if (before === this.#inFlight) return;
    this.delivered += before - this.#inFlight;
    this.#options.spool?.release(this.#acked);
  }

  /**
   * The control plane has lost what it had acknowledged behind `sequence`: what is still at hand of it goes out again. Gives
   * how many records are not.
   */
  fallBack(sequence: number): number {
    this.rewind();
    const lost = this.#recent.takeAfter(sequence);
    const [first, last] = [lost[0], lost.at(-1)];
    if (first === undefined || last === undefined) return this.#acked - sequence;
    // Acknowledged in part, it is in both places.
    if ((this.#memory[0]?.firstSequence ?? Infinity) <= last.lastSequence) {
      this.#memoryBytes -= this.#memory.shift()?.bytes.length ?? 0;
    }
    this.#memory.unshift(...lost);
    this.#memoryBytes += lost.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.delivered -= this.#acked - first.firstSequence + 1;
    this.#acked = first.firstSequence - 1;
    return this.#acked - sequence;
  }

  /** Puts on disk what is in memory alone; false when it found no room. */
  spill(): boolean {
    const { spool } = this.#options;
    if (spool === undefined) return false;
    // A batch goes to disk and comes from there as a whole.
    return this.#memory.every((batch) => spool.holds(batch.firstSequence) || spool.append(batch.records()));
  }

  /** Called now and then while there is a backlog. */
  touch(): void {
    this.#options.spool?.touch();
  }

  close(): void {
    this.#options.spool?.close();
  }

  #lossRecord(count: number): DecisionRecord {
    return lossRecord(this.#options.instanceId, count, this.#options.nowMs());
  }
}
