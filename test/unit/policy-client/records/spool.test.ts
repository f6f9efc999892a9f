import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash, nextHash } from '../../../../common/decision-chain.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import type { EncodedRecord } from '../../../../policy-client/records/record-batch.ts';
import { ChainedRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';

let root: string;
let dir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
  dir = join(root, 'one');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function chain(count: number, recordBytes = 100): ChainedRecord[] {
  let previousHash = genesisHash('i');
  return Array.from({ length: count }, (_, index) => {
    const record = Buffer.alloc(recordBytes, index);
    const chained = { sequence: index + 1, previousHash, hash: nextHash(previousHash, record), record };
    previousHash = chained.hash;
    return chained;
  });
}

const encoded = (records: readonly ChainedRecord[]): EncodedRecord[] =>
  records.map((record) => ({ sequence: record.sequence, bytes: Buffer.from(ChainedRecord.encode(record).finish()) }));

const sequences = (records: readonly ChainedRecord[]) => records.map(({ sequence }) => sequence);

describe('Spool', () => {
  it('gives back what it was given and leaves nothing', () => {
    const spool = new Spool(dir, 1e6);
    const records = chain(5);
    expect(spool.append(encoded(records.slice(0, 2)))).toBe(true);
    expect(spool.append(encoded(records.slice(2)))).toBe(true);
    expect(spool.readAfter(1)).toEqual(records.slice(1));
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const isForUsAlone = (): void => expect(statSync(join(dir, readdirSync(dir)[0] ?? '')).mode & 0o777).toBe(0o600);
    isForUsAlone();
    expect(spool.rewrite(0, (_missing, held) => encoded(held))).toBe(true);
    expect(spool.readAfter(0)).toEqual(records);
    isForUsAlone();
    spool.release(5);
    spool.close();
    expect([spool.bytes, spool.errors]).toEqual([0, 0]);
    expect(readdirSync(root)).toEqual([]);
  });

  it('keeps order when older records come later', () => {
    const spool = new Spool(dir, 1e6);
    const records = chain(6);
    spool.append(encoded(records.slice(3)));
    spool.append(encoded(records.slice(0, 3)));
    expect(sequences(spool.readAfter(0))).toEqual([1, 2, 3]);
    spool.release(3);
    expect(sequences(spool.readAfter(3))).toEqual([4, 5, 6]);
    expect(spool.lastSequence).toBe(6);
    spool.close();
  });

  it('frees files as they are acknowledged', () => {
    const spool = new Spool(dir, 1e9);
    for (const record of chain(60, 100_000)) spool.append(encoded([record]));
    const files = readdirSync(dir).length;
    expect(files).toBeGreaterThan(3);
    spool.release(30);
    expect(readdirSync(dir).length).toBeLessThan(files);
    expect(spool.readAfter(30)[0]?.sequence).toBe(31);
    spool.close();
  });

  it('refuses what is over its bound', () => {
    const spool = new Spool(dir, 1_000);
    expect(spool.append(encoded(chain(3)))).toBe(true);
    expect(spool.append(encoded(chain(6).slice(3)))).toBe(false);
    expect(sequences(spool.readAfter(0))).toEqual([1, 2, 3]);
    spool.close();
  });

  it('keeps what it has when the disk fills in the middle of a write', () => {
    let room = 700;
    const spool = new Spool(dir, 1e6, {
      write: (file, bytes) => {
        if (room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        const count = writeSync(file, bytes, 0, Math.min(room, bytes.length));
        room -= count;
        return count;
      },
    });
    const records = chain(8);
    expect(spool.append(encoded(records.slice(0, 2)))).toBe(true);
    expect(spool.append(encoded(records.slice(2, 6)))).toBe(false);
    expect(spool.errors).toBe(1);
    room = 1e6;
    expect(spool.append(encoded(records.slice(2, 4)))).toBe(true);
    expect(sequences(spool.readAfter(0))).toEqual([1, 2]);
    expect(sequences(spool.readAfter(2))).toEqual([3, 4]);
    spool.close();
  });

  it('answers no when its directory cannot be made', () => {
    writeFileSync(dir, '');
    const spool = new Spool(dir, 1e6);
    expect(spool.append(encoded(chain(1)))).toBe(false);
    expect(spool.errors).toBe(1);
  });

  it('finds what an earlier process left, up to a torn end, on every cut', () => {
    const spool = new Spool(dir, 1e6);
    const records = chain(3, 10);
    spool.append(encoded(records));
    spool.close();
    const path = join(dir, readdirSync(dir)[0] ?? '');
    const whole = readFileSync(path);
    const frameBytes = whole.length / 3;
    for (let length = whole.length; length >= frameBytes; length -= 1) {
      truncateSync(path, length);
      const later = new Spool(dir, 1e6);
      later.load();
      expect(later.readAfter(0)).toEqual(records.slice(0, Math.floor(length / frameBytes)));
    }
  });

  it.each([
    [1_040_000, [1]],
    [1_050_000, []],
  ])('reads no frame over a mebibyte, which would not go into a message with others: %i', (recordBytes, expected) => {
    const spool = new Spool(dir, 1e9);
    spool.append(encoded(chain(1, recordBytes)));
    expect(sequences(spool.readAfter(0))).toEqual(expected);
    spool.close();
  });

  it('does not take a changed record for a true one', () => {
    const spool = new Spool(dir, 1e6);
    spool.append(encoded(chain(2, 10)));
    spool.close();
    const path = join(dir, readdirSync(dir)[0] ?? '');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 0xff;
    writeFileSync(path, bytes);
    expect(sequences(spool.readAfter(0))).toEqual([1]);
  });
});
