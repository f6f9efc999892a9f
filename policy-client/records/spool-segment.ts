import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nextHash } from '../../common/decision-chain.ts';
import { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { EncodedRecord } from './record-batch.ts';

const MAX_FRAME_BYTES = 1024 * 1024;
const LENGTH_BYTES = 4;
const HASH_BYTES = 32;

/** Ends the name of a file that is to take a segment's place. */
export const DRAFT_SUFFIX = '.draft';

/** A file of a spool: records from `first` to `last`, in order. */
export interface Segment {
  readonly path: string;
  readonly first: number;
  last: number;
  bytes: number;
}

/** Where the segment that begins with this sequence lies. */
export function pathOf(dir: string, first: number): string {
  return join(dir, `${String(first).padStart(16, '0')}.records`);
}

/** A segment's new content, beside its place. */
export interface Draft {
  readonly draftPath: string;
  readonly segment: Segment;
}

/** `records` are one at least. @throws when the disk does not take it; then no half of it stays */
export function writeDraft(dir: string, records: readonly EncodedRecord[]): Draft {
  const first = records[0]?.sequence ?? 0;
  const last = records.at(-1)?.sequence ?? first;
  const path = pathOf(dir, first);
  const bytes = Buffer.concat(records.map(frame));
  const draftPath = path + DRAFT_SUFFIX;
  try {
    writeFileSync(draftPath, bytes, { mode: 0o600 });
  } catch (error) {
    rmSync(draftPath, { force: true });
    throw error;
  }
  return { draftPath, segment: { path, first, last, bytes: bytes.length } };
}

/** A record as it lies in a segment. */
export function frame({ bytes }: EncodedRecord): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length);
  framed.writeUInt32BE(bytes.length, 0);
  framed.set(bytes, LENGTH_BYTES);
  return framed;
}

/** Whole records of a segment, up to the first that is torn or changed. */
export function readSegment(path: string): ChainedRecord[] {
  const bytes = readFileSync(path);
  const records: ChainedRecord[] = [];
  let offset = 0;
  while (offset + LENGTH_BYTES <= bytes.length) {
    const end = offset + LENGTH_BYTES + bytes.readUInt32BE(offset);
    if (end > bytes.length || end - offset > MAX_FRAME_BYTES) break;
    const record = decodeRecord(bytes.subarray(offset + LENGTH_BYTES, end));
    if (record === undefined) break;
    records.push(record);
    offset = end;
  }
  return records;
}

/**
 * Hash that the segment's first record follows, even if that record is damaged: its own hash then does not vouch for it, but
 * the control plane takes no chain that goes on from a wrong one. Undefined when not even that can be read.
 */
export function readStart(path: string): Buffer | undefined {
  try {
    const bytes = readFileSync(path);
    const start = ChainedRecord.decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + bytes.readUInt32BE(0))).previousHash;
    return start.length === HASH_BYTES ? start : undefined;
  } catch {
    return undefined;
  }
}

/** As `readSegment`, and nothing of a file that cannot be read. */
export function readIfThere(path: string): ChainedRecord[] {
  try {
    return readSegment(path);
  } catch {
    return [];
  }
}

function decodeRecord(bytes: Uint8Array): ChainedRecord | undefined {
  try {
    const record = ChainedRecord.decode(bytes);
    return nextHash(record.previousHash, record.record).equals(record.hash) ? record : undefined;
  } catch {
    return undefined;
  }
}
