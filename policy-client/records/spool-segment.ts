import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nextHash } from '../../common/decision-chain.ts';
import { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { EncodedRecord } from './record-batch.ts';

const LENGTH_BYTES = 4;
/** Two hashes: what a disk has zeroed is passed over without trying each of its bytes. */
const MIN_RECORD_BYTES = 2 * 32;
const MAX_RECORD_BYTES = 1024 * 1024;

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

/** Say nothing of the file, and pass with time. */
const PASSING: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES']);

/** What can be read of a segment. */
interface SegmentContent {
  /** 1 when nobody knows. */
  readonly bytes: number;
  /** In order; those that are changed are left out. */
  readonly records: readonly ChainedRecord[];
  /** Something follows the last of them. */
  readonly lacksEnd: boolean;
}

/** Nothing of one that is gone, or that the disk does not give. @throws when it may give it later */
export function readSegment(path: string): SegmentContent {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (PASSING.has((error as NodeJS.ErrnoException).code)) throw error;
    return { bytes: 1, records: [], lacksEnd: true };
  }
  const records: ChainedRecord[] = [];
  let offset = 0;
  let readThrough = 0;
  while (offset + LENGTH_BYTES <= bytes.length) {
    const end = offset + LENGTH_BYTES + bytes.readUInt32BE(offset);
    const record = end > bytes.length ? undefined : decodeRecord(bytes.subarray(offset + LENGTH_BYTES, end));
    if (record === undefined) {
      // The next one begins somewhere behind.
      offset += 1;
      continue;
    }
    records.push(record);
    readThrough = offset = end;
  }
  return { bytes: bytes.length, records, lacksEnd: readThrough < bytes.length };
}

/** The segment's records after `sequence`, in runs without a gap. @throws as `readSegment` does */
export function readRuns(path: string, sequence: number): ChainedRecord[][] {
  const runs: ChainedRecord[][] = [];
  for (const record of readSegment(path).records) {
    if (record.sequence <= sequence) continue;
    const run = runs.at(-1);
    if (run?.at(-1)?.sequence === record.sequence - 1) run?.push(record);
    else runs.push([record]);
  }
  return runs;
}

function decodeRecord(bytes: Uint8Array): ChainedRecord | undefined {
  if (bytes.length < MIN_RECORD_BYTES || bytes.length > MAX_RECORD_BYTES) return undefined;
  try {
    const record = ChainedRecord.decode(bytes);
    return nextHash(record.previousHash, record.record).equals(record.hash) ? record : undefined;
  } catch {
    return undefined;
  }
}
