import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../common/errors.ts';
import { makeFolder } from '../../common/folder.ts';
import type { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import type { EncodedRecord } from './record-batch.ts';
import {
  DRAFT_SUFFIX,
  type Draft,
  frame,
  pathOf,
  readRuns,
  readSegment,
  type Segment,
  writeDraft,
} from './spool-segment.ts';

const MAX_SEGMENT_BYTES = 1024 * 1024;
const SEGMENT_NAME = /^\d{16}\.records$/;

/** The time of last life of a directory whose process has ended and left records in it. */
export const FREED_AT_MS = 0;

/** What the spool asks of the file system, so that tests can let it fail. */
export interface SpoolFiles {
  write(file: number, bytes: Uint8Array): number;
}

const REAL_FILES: SpoolFiles = { write: (file, bytes) => writeSync(file, bytes) };

/**
 * Decision records on disk: files of length-prefixed ChainedRecords, named by their first sequence, deleted once all of
 * theirs are acknowledged. Writes are synchronous, so that a record is on disk or known not to be before the next is
 * hashed; they happen only while the control plane is away or slow.
 */
export class Spool {
  readonly #dir: string;
  /** What it may take on disk. */
  readonly maxBytes: number;
  readonly #files: SpoolFiles;
  #segments: Segment[] = [];
  #open: { readonly file: number; readonly segment: Segment } | undefined;
  #bytes = 0;
  errors = 0;
  /** Why the last write failed, if it did. */
  failure: string | undefined;

  constructor(dir: string, maxBytes: number, files: SpoolFiles = REAL_FILES) {
    this.#dir = dir;
    this.maxBytes = maxBytes;
    this.#files = files;
  }

  get isFailing(): boolean {
    return this.failure !== undefined;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Last sequence on disk; 0 for none. */
  get lastSequence(): number {
    return this.#segments.at(-1)?.last ?? 0;
  }

  get firstSequence(): number {
    return this.#segments[0]?.first ?? 0;
  }

  holds(sequence: number): boolean {
    return this.#segments.some(({ first, last }) => first <= sequence && sequence <= last);
  }

  /** Shows other processes that this one lives, so that they do not claim its records. */
  touch(): void {
    if (this.#segments.length > 0) this.#setLifeSign(Date.now());
  }

  #setLifeSign(atMs: number): void {
    const at = new Date(atMs);
    try {
      utimesSync(this.#dir, at, at);
    } catch {
      this.errors += 1;
    }
  }

  /** Finds what an earlier process left here. Throws when that may be read later alone. */
  load(): void {
    const names = readdirSync(this.#dir);
    for (const name of names.filter((entry) => entry.endsWith(DRAFT_SUFFIX))) unlinkSync(join(this.#dir, name));
    for (const name of names.filter((entry) => SEGMENT_NAME.test(entry))) {
      const path = join(this.#dir, name);
      const first = Number.parseInt(name, 10);
      const { bytes, lacksEnd, records } = readSegment(path);
      // Of what cannot be read at the end, one record is known; the next segment's name tells of more.
      const last = (records.at(-1)?.sequence ?? first - 1) + (lacksEnd ? 1 : 0);
      if (bytes === 0) unlinkSync(path);
      else this.#add({ path, first, last, bytes });
    }
  }

  /** Writes all of these records, which are in order, or none of them; false when there is no room. */
  append(records: readonly EncodedRecord[]): boolean {
    const [first] = records;
    if (first === undefined) return true;
    const bytes = Buffer.concat(records.map(frame));
    if (this.#bytes + bytes.length > this.maxBytes) return false;
    try {
      const open = this.#segmentFor(first.sequence);
      this.#writeAll(open, bytes);
      open.segment.last = records.at(-1)?.sequence ?? first.sequence;
      open.segment.bytes += bytes.length;
    } catch (error) {
      this.errors += 1;
      this.failure = describeError(error);
      return false;
    }
    this.failure = undefined;
    this.#bytes += bytes.length;
    return true;
  }

  /** Records of the first segment that ends after `sequence`, up to one that cannot be read. */
  readAfter(sequence: number): ChainedRecord[] {
    const segment = this.#segments.find(({ last }) => last > sequence);
    if (segment === undefined) return [];
    if (this.#open?.segment === segment) this.#closeOpen();
    let run: ChainedRecord[] = [];
    try {
      run = readRuns(segment.path, sequence)[0] ?? [];
    } catch {
      // The caller has it rewritten, which finds the same.
    }
    if (run.length === 0) this.errors += 1;
    return run;
  }

  /** Deletes what ends at or before `sequence`. */
  release(sequence: number): void {
    const done = this.#segments.filter(({ last }) => last <= sequence);
    for (const segment of done) {
      if (this.#open?.segment === segment) this.#closeOpen();
      try {
        rmSync(segment.path, { force: true });
      } catch {
        this.errors += 1;
      }
      this.#bytes -= segment.bytes;
    }
    if (done.length > 0) this.#segments = this.#segments.filter(({ last }) => last > sequence);
  }

  /**
   * Puts what `rechain` makes of the records after `sequence` in their place: it is given how many are missing, and those
   * that can be read after the gap. False when the disk does not take it; then nothing has changed.
   */
  rewrite(sequence: number, rechain: (missing: number, records: readonly ChainedRecord[]) => EncodedRecord[]): boolean {
    this.#closeOpen();
    const { lastSequence } = this;
    const old = this.#segments;
    const drafts: Draft[] = [];
    let held = sequence;
    try {
      for (const { path } of old) {
        const written: EncodedRecord[] = [];
        for (const run of readRuns(path, held)) {
          written.push(...rechain((run[0]?.sequence ?? 0) - held - 1, run));
          held = run.at(-1)?.sequence ?? held;
        }
        if (written.length > 0) drafts.push(writeDraft(this.#dir, written));
      }
      if (held < lastSequence) drafts.push(writeDraft(this.#dir, rechain(lastSequence - held, [])));
    } catch {
      this.errors += 1;
      for (const { draftPath } of drafts) rmSync(draftPath, { force: true });
      return false;
    }
    this.#segments = drafts.map(({ segment }) => segment);
    this.#bytes = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#putInPlace(drafts, old);
    return true;
  }

  /** Nothing goes before what follows it is there: a crash in between may repeat records, and loses none. */
  #putInPlace(drafts: readonly Draft[], old: readonly Segment[]): void {
    const kept = new Set(drafts.map(({ segment }) => segment.path));
    try {
      for (const { draftPath, segment } of drafts) renameSync(draftPath, segment.path);
      for (const { path } of old) if (!kept.has(path)) rmSync(path, { force: true });
    } catch {
      // What is not in its place counts as lost when it is to be read.
      this.errors += 1;
    }
  }

  /** Ends writing; removes the directory when nothing is left in it, or frees it for the next process at once. */
  close(): void {
    this.#closeOpen();
    if (this.#segments.length > 0) return this.#setLifeSign(FREED_AT_MS);
    try {
      rmdirSync(this.#dir);
    } catch {
      // It was never made, or something else lies in it.
    }
  }

  #writeAll({ file, segment }: { readonly file: number; readonly segment: Segment }, bytes: Buffer): void {
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = this.#files.write(file, bytes.subarray(written));
        if (count <= 0) throw new Error('nothing was written');
        written += count;
      }
    } catch (error) {
      this.#undo(file, segment);
      throw error;
    }
  }

  /** Takes a half-written frame off again, or leaves the segment to its reader, which stops at the torn frame. */
  #undo(file: number, segment: Segment): void {
    try {
      ftruncateSync(file, segment.bytes);
    } catch {
      this.errors += 1;
    }
    this.#closeOpen();
    if (segment.bytes > 0) return;
    rmSync(segment.path, { force: true });
    this.#segments = this.#segments.filter((other) => other !== segment);
  }

  #segmentFor(sequence: number): { readonly file: number; readonly segment: Segment } {
    const open = this.#open;
    if (open !== undefined && open.segment.last + 1 === sequence && open.segment.bytes < MAX_SEGMENT_BYTES) return open;
    this.#closeOpen();
    makeFolder(this.#dir, 0o700);
    const path = pathOf(this.#dir, sequence);
    const file = openSync(path, 'wx', 0o600);
    const segment = { path, first: sequence, last: sequence - 1, bytes: 0 };
    this.#add(segment);
    this.#open = { file, segment };
    return this.#open;
  }

  #add(segment: Segment): void {
    this.#segments.push(segment);
    this.#segments.sort((a, b) => a.first - b.first);
    this.#bytes += segment.bytes;
  }

  #closeOpen(): void {
    if (this.#open !== undefined) closeSync(this.#open.file);
    this.#open = undefined;
  }
}
