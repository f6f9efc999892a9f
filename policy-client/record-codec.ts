import type { ChainedRecord, DecisionRecord } from '../proto/gen/sidekey/v1/decision.ts';
import { varintLength, WireWriter } from './wire-writer.ts';

const HASH_BYTES = 32;
const MAX_REUSED_BYTES = 1024 * 1024;

/** Encodes decision records and reports, field by field as sidekey/v1/decision.proto has them. */
export class RecordCodec {
  #writer = new WireWriter();
  readonly #nested = new WireWriter();

  encodeRecord(record: DecisionRecord): Buffer {
    const writer = this.#fresh();
    writer.string(1, record.id);
    if (record.at !== undefined) this.#timestamp(2, record.at.getTime());
    writer.string(3, record.sessionId);
    for (const workload of record.workloads) writer.item(4, workload);
    writer.string(5, record.user);
    if (record.destination !== undefined) {
      const nested = this.#nested;
      nested.reset();
      nested.string(1, record.destination.scheme);
      nested.string(2, record.destination.host);
      nested.number(3, record.destination.port);
      writer.bytes(6, nested.take());
    }
    writer.string(7, record.serverWorkload);
    writer.string(8, record.method);
    writer.string(9, record.path);
    writer.number(10, record.outcome);
    writer.number(11, record.reason);
    writer.string(12, record.accessPolicy);
    writer.string(13, record.credentialProvider);
    writer.string(14, record.grantId);
    writer.number(15, record.fromCache ? 1 : 0);
    writer.number(16, record.status);
    writer.string(17, record.upstreamAddress);
    writer.number(18, record.requestBytes);
    writer.number(19, record.responseBytes);
    writer.number(20, record.durationUs);
    for (const place of record.removedCredentials) writer.item(21, place);
    writer.number(22, record.scrubbed);
    writer.string(23, record.instanceId);
    writer.string(24, record.action);
    return writer.take();
  }

  /** A ReportDecisionsRequest. */
  encodeReport(records: readonly ChainedRecord[]): Buffer {
    const writer = this.#fresh();
    for (const { sequence, previousHash, hash, record } of records) {
      const hashes = 2 * (1 + varintLength(HASH_BYTES) + HASH_BYTES);
      writer.nested(1, 1 + varintLength(sequence) + hashes + 1 + varintLength(record.length) + record.length);
      writer.number(1, sequence);
      writer.bytes(2, previousHash);
      writer.bytes(3, hash);
      writer.bytes(4, record);
    }
    return writer.take();
  }

  #timestamp(field: number, ms: number): void {
    const seconds = Math.floor(ms / 1_000);
    const nanos = Math.round((ms - seconds * 1_000) * 1_000_000);
    const nested = this.#nested;
    nested.reset();
    nested.number(1, seconds);
    nested.number(2, nanos);
    this.#writer.bytes(field, nested.take());
  }

  #fresh(): WireWriter {
    // One huge batch must not hold its memory for good.
    if (this.#writer.length > MAX_REUSED_BYTES) this.#writer = new WireWriter();
    this.#writer.reset();
    return this.#writer;
  }
}
