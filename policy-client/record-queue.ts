import { randomUUID } from 'node:crypto';
import { genesisHash, nextHash } from '../common/decision-chain.ts';
import { REASONS } from '../proto/reasons.ts';
import { DecisionRecord, Outcome, type ChainedRecord } from '../proto/gen/sidekey/v1/decision.ts';
import type { ReasonCode } from '../proto/gen/sidekey/v1/reason.ts';
import { RecordCodec } from './record-codec.ts';
import type { Spool } from './spool.ts';

/** Method of the record that stands for lost ones; its path is `/<how many>`. */
export const LOST_RECORDS_METHOD = 'SIDEKEY-RECORDS-LOST';

const MAX_PENDING = 1_024;
const MAX_SPILL_RECORDS = 512;
// Object, two hashes and a sequence beside the record's own bytes.
const RECORD_OVERHEAD_BYTES = 256;

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
  readonly #codec = new RecordCodec();
  /** Encoded, so that a waiting record costs the garbage collector one object; undefined where that failed. */
  #pending: (Buffer | undefined)[] = [];
  /** Undelivered, oldest first; the first `#sent` of them are on their way. */
  readonly #memory: ChainedRecord[] = [];
  #memoryBytes = 0;
  #sent = 0;
  #acked = 0;
  /** Records in memory up to this sequence are on disk as well. */
  #onDiskThrough = 0;
  #sequence = 0;
  #head: Buffer;
  #unreportedLosses = 0;
  /** The chain's head is not known, so nothing can be added to it. */
  #resumed = false;
  lost = 0;
  delivered = 0;

  constructor(options: RecordQueueOptions) {
    this.#options = options;
    this.#head = genesisHash(options.instanceId);
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get inFlight(): number {
    return this.#sent;
  }

  /** Records not acknowledged yet, those that are lost left out. */
  get backlog(): number {
    return this.#pending.length + (this.#sequence - this.#acked);
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
  }

  push(record: DecisionRecord): void {
    this.#pending.push(this.#encode(record));
    if (this.#pending.length >= MAX_PENDING) this.flush();
  }

  /** Chains what is pending. */
  flush(): void {
    if (this.#resumed || (this.#pending.length === 0 && this.#unreportedLosses === 0)) return;
    const records = this.#pending;
    this.#pending = [];
    const reported = this.#unreportedLosses;
    if (reported > 0) records.unshift(this.#encode(lossRecord(reported, this.#options.nowMs())));
    const encoded = records.filter((bytes) => bytes !== undefined);
    const placed = this.#place(encoded);
    const markerPlaced = reported > 0 && placed > 0;
    const lost = records.length - placed - (reported > 0 && !markerPlaced ? 1 : 0);
    this.lost += lost;
    this.#unreportedLosses += lost - (markerPlaced ? reported : 0);
  }

  #encode(record: DecisionRecord): Buffer | undefined {
    record.instanceId = this.#options.instanceId;
    try {
      return this.#codec.encodeRecord(record);
    } catch {
      // A number out of its range: one bad record must not take the others with it.
      return undefined;
    }
  }

  /** Gives the first records a place, in order; returns how many found one. */
  #place(encoded: readonly Buffer[]): number {
    let placed = 0;
    if (!this.#hasUnloaded()) {
      for (const record of encoded) {
        const bytes = record.length + RECORD_OVERHEAD_BYTES;
        if (this.#memoryBytes + bytes > this.#options.maxMemoryBytes) break;
        this.#memory.push(this.#chain(record));
        this.#memoryBytes += bytes;
        placed += 1;
      }
    }
    const { spool } = this.#options;
    if (placed === encoded.length || spool === undefined) return placed;
    const [sequence, head] = [this.#sequence, this.#head];
    const rest = encoded.slice(placed).map((record) => this.#chain(record));
    if (spool.append(rest)) return encoded.length;
    this.#sequence = sequence;
    this.#head = head;
    return placed;
  }

  #chain(record: Buffer): ChainedRecord {
    const previousHash = this.#head;
    const hash = nextHash(previousHash, record);
    this.#head = hash;
    this.#sequence += 1;
    return { sequence: this.#sequence, previousHash, hash, record };
  }

  /** True when the spool holds records that follow those in memory. */
  #hasUnloaded(): boolean {
    const last = this.#memory.at(-1)?.sequence ?? this.#acked;
    return (this.#options.spool?.lastSequence ?? 0) > last;
  }

  /** The next records to send, which count as on their way from now on. */
  next(maxRecords: number, maxBytes: number): ChainedRecord[] {
    if (this.#memory.length === 0) this.#load();
    const batch: ChainedRecord[] = [];
    let bytes = 0;
    while (this.#sent < this.#memory.length && batch.length < maxRecords && bytes < maxBytes) {
      const record = this.#memory[this.#sent];
      if (record === undefined) break;
      batch.push(record);
      bytes += record.record.length + RECORD_OVERHEAD_BYTES;
      this.#sent += 1;
    }
    return batch;
  }

  #load(): void {
    const { spool } = this.#options;
    while (spool !== undefined && this.#hasUnloaded()) {
      const records = spool.readAfter(this.#acked);
      for (const record of records) {
        this.#memory.push(record);
        this.#memoryBytes += record.record.length + RECORD_OVERHEAD_BYTES;
        this.#onDiskThrough = record.sequence;
      }
      if (records.length > 0) return;
      // Unreadable: its sequences are missing from what the control plane gets, and this counts them.
      const lost = spool.discardFirst();
      this.lost += lost;
      this.#unreportedLosses += lost;
      this.#acked += lost;
    }
  }

  /** The stream is gone: what was on its way goes out again. */
  rewind(): void {
    this.#sent = 0;
  }

  /** Everything up to this sequence is stored; what was never sent cannot be. */
  acknowledge(sequence: number): void {
    let count = 0;
    while (count < this.#sent && (this.#memory[count]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence) {
      this.#memoryBytes -= (this.#memory[count]?.record.length ?? 0) + RECORD_OVERHEAD_BYTES;
      count += 1;
    }
    if (count === 0) return;
    this.#acked = this.#memory[count - 1]?.sequence ?? this.#acked;
    this.#memory.splice(0, count);
    this.#sent -= count;
    this.delivered += count;
    this.#options.spool?.release(this.#acked);
  }

  /** Puts on disk what is in memory alone; false when it found no room. */
  spill(): boolean {
    const { spool } = this.#options;
    if (spool === undefined) return false;
    const fresh = this.#memory.filter(({ sequence }) => sequence > this.#onDiskThrough);
    for (let from = 0; from < fresh.length; from += MAX_SPILL_RECORDS) {
      const batch = fresh.slice(from, from + MAX_SPILL_RECORDS);
      if (!spool.append(batch)) return false;
      this.#onDiskThrough = batch.at(-1)?.sequence ?? this.#onDiskThrough;
    }
    return true;
  }

  /** Called now and then while there is a backlog. */
  touch(): void {
    this.#options.spool?.touch();
  }

  close(): void {
    this.#options.spool?.close();
  }
}

function lossRecord(count: number, nowMs: number): DecisionRecord {
  return DecisionRecord.fromPartial({
    id: randomUUID(),
    at: new Date(nowMs),
    method: LOST_RECORDS_METHOD,
    path: `/${count}`,
    outcome: Outcome.OUTCOME_FAILED,
    reason: REASONS.overloaded.number as ReasonCode,
  });
}
