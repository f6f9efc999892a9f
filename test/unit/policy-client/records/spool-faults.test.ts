import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { EncodedRecord } from '../../../../policy-client/records/record-batch.ts';
import { Spool, type SpoolFiles } from '../../../../policy-client/records/spool.ts';
import { ChainedRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';
import { decisionChain } from '../../../support/control-plane/decision-chain.ts';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidekey-spool-faults-'));
  dir = join(root, 'one');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

const encoded = (records: readonly ChainedRecord[]): EncodedRecord[] =>
  records.map((record) => ({ sequence: record.sequence, bytes: Buffer.from(ChainedRecord.encode(record).finish()) }));
const records = decisionChain('i', 6);
const [early, late] = [encoded(records.slice(0, 3)), encoded(records.slice(3))];
const bytesOf = (of: readonly EncodedRecord[]): number => of.reduce((sum, { bytes }) => sum + 4 + bytes.length, 0);
const sequences = (of: readonly ChainedRecord[]) => of.map(({ sequence }) => sequence);

/** With the later records in a file of their own, as they came first. */
function inTwoFiles(files?: SpoolFiles): Spool {
  const spool = new Spool(dir, 1e6, files);
  expect([spool.append(late), spool.append(early)]).toEqual([true, true]);
  return spool;
}

it('writes on where a write stopped short', () => {
  const spool = inTwoFiles({ write: (file, bytes) => writeSync(file, bytes, 0, Math.min(10, bytes.length)) });
  expect([spool.readAfter(0), spool.readAfter(3)]).toEqual([records.slice(0, 3), records.slice(3)]);
  expect(spool.bytes).toBe(bytesOf([...early, ...late]));
});

it.each([0, -1])('takes a disk that writes %i bytes for full, and leaves nothing of it', (count) => {
  let isFull = true;
  const spool = new Spool(dir, 1e6, { write: (file, bytes) => (isFull ? count : writeSync(file, bytes)) });
  expect([spool.append(early), spool.failure, spool.errors]).toEqual([false, 'nothing was written', 1]);
  expect([spool.bytes, spool.firstSequence, spool.lastSequence, readdirSync(dir)]).toEqual([0, 0, 0, []]);
  isFull = false;
  expect([spool.append(early), spool.isFailing, spool.bytes]).toEqual([true, false, bytesOf(early)]);
  expect(sequences(spool.readAfter(0))).toEqual([1, 2, 3]);
});

it('takes as much as it may, and nothing makes no file', () => {
  const spool = new Spool(dir, bytesOf(early));
  expect([spool.append([]), existsSync(dir)]).toEqual([true, false]);
  expect([spool.append(early), spool.append(late)]).toEqual([true, false]);
});

it('shows that it lives while it holds something, and that it does not any more', () => {
  vi.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);
  const spool = new Spool(dir, 1e6);
  spool.touch();
  expect(spool.errors).toBe(0);
  spool.append(early);
  spool.touch();
  expect(statSync(dir).mtimeMs).toBe(1_700_000_000_000);
  spool.close();
  expect(statSync(dir).mtimeMs).toBe(0);
  rmSync(dir, { recursive: true });
  spool.touch();
  expect(spool.errors).toBe(1);
});

it('finds how much another process left, forgets files without content, and leaves those of others alone', () => {
  inTwoFiles().close();
  const empty = join(dir, '0000000000000009.records');
  writeFileSync(empty, '');
  writeFileSync(join(dir, '7.txt'), 'not of a spool');
  const later = new Spool(dir, 1e6);
  later.load();
  expect([later.firstSequence, later.lastSequence, later.bytes]).toEqual([1, 6, bytesOf([...early, ...late])]);
  expect(existsSync(empty)).toBe(false);
  later.release(9);
  expect(readdirSync(dir)).toEqual(['7.txt']);
  expect(later.bytes).toBe(0);
});

it('counts a file that is gone as read in vain, and as released, and one that cannot be removed', () => {
  const spool = inTwoFiles();
  rmSync(join(dir, '0000000000000001.records'));
  expect([spool.readAfter(0), spool.errors]).toEqual([[], 1]);
  spool.release(3);
  expect([spool.errors, spool.bytes]).toEqual([1, bytesOf(late)]);
  rmSync(join(dir, '0000000000000004.records'));
  mkdirSync(join(dir, '0000000000000004.records'));
  spool.release(6);
  expect([spool.errors, spool.bytes]).toEqual([2, 0]);
});

it('knows what it has written anew', () => {
  const spool = inTwoFiles();
  expect(spool.rewrite(1, (_missing, held) => encoded(held))).toBe(true);
  expect([spool.firstSequence, spool.lastSequence, spool.bytes]).toEqual([2, 6, bytesOf([...early.slice(1), ...late])]);
  expect([1, 2, 6, 7].map((sequence) => spool.holds(sequence))).toEqual([false, true, true, false]);
  expect(readdirSync(dir).map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  spool.release(3);
  expect([spool.firstSequence, sequences(spool.readAfter(3))]).toEqual([4, [4, 5, 6]]);
});

it.skipIf(!existsSync('/dev/full')).each([1, 4])(
  'changes nothing, and leaves nothing, when the disk is full for what is written anew from %i',
  (sequence) => {
    const spool = inTwoFiles();
    const before = readdirSync(dir);
    symlinkSync('/dev/full', join(dir, `000000000000000${sequence}.records.draft`));
    expect(spool.rewrite(0, (_missing, held) => encoded(held))).toBe(false);
    expect([spool.errors, readdirSync(dir)]).toEqual([1, before]);
    expect([spool.readAfter(0), spool.readAfter(3)]).toEqual([records.slice(0, 3), records.slice(3)]);
  },
);

it.skipIf(!existsSync('/proc/self/fd'))('holds no file open but the one that it writes', () => {
  const open = (): number =>
    readdirSync('/proc/self/fd').filter((file) => {
      try {
        return readlinkSync(`/proc/self/fd/${file}`).startsWith(dir);
      } catch {
        return false;
      }
    }).length;
  const spool = inTwoFiles();
  expect(open()).toBe(1);
  spool.readAfter(3);
  expect(open()).toBe(1);
  spool.readAfter(0);
  expect(open()).toBe(0);
  spool.append(encoded(decisionChain('i', 8).slice(6)));
  expect(open()).toBe(1);
  spool.release(7);
  expect(open()).toBe(1);
  spool.release(8);
  expect(open()).toBe(0);
  spool.append(early);
  spool.rewrite(0, (_missing, held) => encoded(held));
  expect(open()).toBe(0);
  spool.append(late);
  spool.close();
  expect(open()).toBe(0);
});
