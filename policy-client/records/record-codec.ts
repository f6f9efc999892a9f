import type { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { WireWriter } from './wire-writer.ts';

/** Encodes decision records, field by field as sidekey/v1/decision.proto has them. */
export class RecordCodec {
  readonly #nested = new WireWriter();

  /** Appends the record; on an error nothing. @throws RangeError for a number that is not an unsigned integer */
  encode(record: DecisionRecord, writer: WireWriter): void {
    const start = writer.length;
    try {
      this.#encode(record, writer);
    } catch (error) {
      writer.truncate(start);
      throw error;
    }
  }

  #encode(record: DecisionRecord, writer: WireWriter): void {
    writer.string(1, record.id);
    if (record.at !== undefined) writer.message(2, this.#timestamp(record.at.getTime()));
    writer.string(3, record.sessionId);
    for (const workload of record.workloads) writer.item(4, workload);
    writer.string(5, record.user);
    if (record.destination !== undefined) writer.message(6, this.#destination(record.destination));
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
  }

  #destination({ scheme, host, port }: { scheme: string; host: string; port: number }): WireWriter {
    const nested = this.#nested;
    nested.reset();
    nested.string(1, scheme);
    nested.string(2, host);
    nested.number(3, port);
    return nested;
  }

  #timestamp(ms: number): WireWriter {
    const seconds = Math.floor(ms / 1_000);
    const nested = this.#nested;
    nested.reset();
    nested.number(1, seconds);
    nested.number(2, Math.round((ms - seconds * 1_000) * 1_000_000));
    return nested;
  }
}
