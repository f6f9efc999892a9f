import type { ChainedRecord, ChainHead, DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { lossRecord } from './loss-record.ts';
import { PendingRecords } from './pending-records.ts';
import type { RecordBatch } from './record-batch.ts';
import { RecordChain } from './record-chain.ts';
import { RecentRecords } from './recent-records.ts';
import { mayHaveGoneOut, RecordRoom } from './record-room.ts';
import type { Spool } from './spool.ts';

const MAX_PENDING = 1_024;

export interface RecordQueueOptions {
  readonly instanceId: string;
  readonly maxMemoryBytes: number;
  readonly spool: Spool | undefined;
  readonly nowMs: () => number;
}

/**
 * Decision records from `push` to acknowledgement: the oldest are chained in memory, those behind them on disk alone,
 * and the newest are encoded and not chained yet. A record enters the chain only once it has a place, so that the chain
 * has no holes: what finds no place is counted, and the count enters the chain as a record of its own.
 */
export class RecordQueue {
  readonly #options: RecordQueueOptions;
  readonly #room: RecordRoom;
  readonly #pending = new PendingRecords();
  readonly #chain: RecordChain;
  /** On their way, oldest first; the first follows what is acknowledged. */
  readonly #sent: RecordBatch[] = [];
  /** What follows them in memory. */
  readonly #waiting: RecordBatch[] = [];
  #memoryBytes = 0;
  #acked = 0;
  readonly #recent = new RecentRecords();
  #unreportedLosses = 0;
  /** The chain's head is not known, so nothing can be added to it. */
  #resumed = false;
  /** What the control plane has of a resumed chain is not known, so nothing of it can be sent. */
  awaitsHead = false;
  lost = 0;
  delivered = 0;

  constructor(options: RecordQueueOptions) {
    this.#options = options;
    this.#room = new RecordRoom(options.maxMemoryBytes, options.spool);
    this.#chain = new RecordChain(options.instanceId);
    this.#recent.startAt(0, this.#chain.head);
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
    return (this.#sent.at(-1)?.lastSequence ?? this.#acked) - this.#acked;
  }

  /** Records not acknowledged yet, those that are lost left out. */
  get backlog(): number {
    return this.#pending.size + (this.#chain.sequence - this.#acked);
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
    this.#chain.sequence = spool.lastSequence;
    this.#resumed = true;
    this.awaitsHead = true;
  }

  /**
   * The control plane's chain ends here: the dead process may have sent more than it knew. True when a resumed queue goes on
   * from there; false when it has gone on already, or the control plane has lost what comes before its first record.
   */
  goOnAfter({ sequence, hash }: ChainHead): boolean {
    if (!this.awaitsHead) return false;
    this.awaitsHead = false;
    const { spool } = this.#options;
    if (sequence < this.#acked && spool?.readAfter(this.#acked)[0]?.sequence === this.#acked + 1) return false;
    const stored = Math.min(sequence, this.#chain.sequence);
    this.delivered += Math.max(stored - this.#acked, 0);
    this.#acked = stored;
    this.#recent.startAt(stored, hash);
    spool?.release(stored);
    return true;
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
    this.#lose(pending.size - placed);
    pending.clear();
  }

  #lose(count: number): void {
    this.lost += count;
    this.#unreportedLosses += count;
  }

  /** False when the record of the losses found no place. */
  #reportLosses(): boolean {
    if (this.#unreportedLosses === 0) return true;
    if (this.#place(this.#markerOf(this.#unreportedLosses)) === 0) return false;
    this.#unreportedLosses = 0;
    return true;
  }

  /** Gives the first records a place, in order; returns how many found one. */
  #place(records: PendingRecords): number {
    const fitting = this.#hasUnloaded() ? 0 : this.#room.countFitting(records, this.#chain.sequence, this.#memoryBytes);
    this.#chain.add(records, 0, fitting).forEach((batch) => this.#keep(batch));
    const { spool } = this.#options;
    if (fitting === records.size || spool === undefined) return fitting;
    const { sequence, head } = this.#chain;
    const rest = this.#chain.add(records, fitting, records.size);
    if (spool.append(rest.flatMap((batch) => batch.records()))) return records.size;
    this.#chain.standAt(sequence, head);
    return fitting;
  }

  #keep(batch: RecordBatch): void {
    this.#waiting.push(batch);
    this.#memoryBytes += batch.bytes.length;
  }

  /** True when records that follow those in memory are in the spool alone. */
  #hasUnloaded(): boolean {
    const last = this.#waiting.at(-1) ?? this.#sent.at(-1);
    return (last?.lastSequence ?? this.#acked) < this.#chain.sequence;
  }

  /** The next records to send, which count as on their way from now on. */
  next(): RecordBatch | undefined {
    if (this.awaitsHead) return undefined;
    if (this.#sent.length + this.#waiting.length === 0) this.#load();
    const batch = this.#waiting.shift();
    if (batch !== undefined) this.#sent.push(batch);
    return batch;
  }

  #load(): void {
    const { spool } = this.#options;
    if (spool === undefined || !this.#hasUnloaded()) return;
    let records = spool.readAfter(this.#acked);
    if (!this.#follows(records[0])) {
      if (!this.#mend(spool)) return;
      records = spool.readAfter(this.#acked);
    }
    this.#chain.pack(records).forEach((batch) => this.#keep(batch));
  }

  #follows(record: ChainedRecord | undefined): boolean {
    const head = this.#recent.hashOf(this.#acked);
    return record?.sequence === this.#acked + 1 && (head === undefined || record.previousHash.equals(head));
  }

  /**
   * Something on disk cannot be read any more. The control plane takes no chain with a gap, and none of these records is
   * stored there yet: they are chained anew after the last one that is, with a record of the loss where the others were.
   */
  #mend(spool: Spool): boolean {
    const ackedHash = this.#recent.hashOf(this.#acked);
    if (ackedHash === undefined) return false;
    const { sequence, head } = this.#chain;
    this.#chain.standAt(this.#acked, ackedHash);
    let lost = 0;
    const mended = spool.rewrite(this.#acked, (missing, records) => {
      lost += missing;
      const marker = this.#markerOf(missing);
      const batches = [...this.#chain.add(marker, 0, marker.size), ...this.#chain.addAnew(records)];
      return batches.flatMap((batch) => batch.records());
    });
    if (mended) this.lost += lost;
    else this.#chain.standAt(sequence, head);
    return mended;
  }

  /** The stream is gone: what was on its way goes out again. */
  rewind(): void {
    this.#waiting.unshift(...this.#sent.splice(0));
  }

  /** Everything up to this sequence is stored; what was never sent cannot be. */
  acknowledge(sequence: number): void {
    const before = this.#acked;
    let first = this.#sent[0];
    while (first !== undefined && first.firstSequence <= sequence) {
      this.#recent.add(first);
      const rest = first.after(sequence);
      this.#memoryBytes -= first.bytes.length - (rest?.bytes.length ?? 0);
      this.#acked = Math.min(first.lastSequence, sequence);
      if (rest === undefined) this.#sent.shift();
      else this.#sent[0] = rest;
      first = this.#sent[0];
    }
    this.delivered += this.#acked - before;
    this.#options.spool?.release(this.#acked);
  }

  /**
   * The control plane has lost what it had acknowledged behind `sequence`: what is still at hand of it goes out again. Gives
   * how many records are not.
   */
  fallBack(sequence: number): number {
    this.rewind();
    const lost = this.#recent.takeAfter(sequence);
    const [first] = lost;
    if (first === undefined) return this.#acked - sequence;
    // Of one that was acknowledged in part, the rest waits as well: to send it twice changes nothing.
    this.#waiting.unshift(...lost);
    this.#memoryBytes += lost.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.delivered -= this.#acked - first.firstSequence + 1;
    this.#acked = first.firstSequence - 1;
    return this.#acked - sequence;
  }

  /** Puts on disk what is in memory alone; false when it found no room. */
  spill(): boolean {
    const { spool } = this.#options;
    if (spool === undefined) return false;
    // The end of a batch may be there already, if it was acknowledged in part before the control plane lost it.
    return [...this.#sent, ...this.#waiting].every((batch) =>
      spool.append(batch.records().filter(({ sequence }) => !spool.holds(sequence))),
    );
  }

  /** Why the spool took nothing: the disk's words, or that it is full or not there. */
  get spoolFault(): string {
    const { spool } = this.#options;
    return spool === undefined ? 'there is no spool' : (spool.failure ?? 'the spool is full');
  }

  /** Called now and then while there is a backlog. */
  touch(): void {
    this.#options.spool?.touch();
  }

  close(): void {
    this.#options.spool?.close();
  }

  /** The record of so many losses; none of none. */
  #markerOf(count: number): PendingRecords {
    const { instanceId, nowMs } = this.#options;
    const marker = new PendingRecords();
    if (count > 0) marker.add(lossRecord(instanceId, count, nowMs()));
    return marker;
  }
}
