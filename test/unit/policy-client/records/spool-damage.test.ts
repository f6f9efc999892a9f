import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { expectAccounted, push, queueOn, Stored } from '../../../support/control-plane/stored-chain.ts';

const RECORDS = 2_400;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Files of records, in order; three at least. */
function segments(): string[] {
  const names = readdirSync(dir).filter((name) => name.endsWith('.records'));
  expect(names.length).toBeGreaterThanOrEqual(3);
  return names.sort().map((name) => join(dir, name));
}

function flip(path: string, where: (length: number) => number): void {
  const bytes = readFileSync(path);
  const at = where(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  writeFileSync(path, bytes);
}

const DAMAGE: readonly (readonly [name: string, damage: (files: readonly string[]) => void])[] = [
  ['a bit flips in the middle of the first file', ([first = '']) => flip(first, (length) => length >> 1)],
  ['a bit flips at the very start', ([first = '']) => flip(first, () => 2)],
  ['a bit flips in the hash that the very first record follows', ([first = '']) => flip(first, () => 20)],
  ['a bit flips at the end of the second file', ([, second = '']) => flip(second, (length) => length - 9)],
  [
    'bits flip in two files',
    ([first = '', , third = '']) => {
      flip(first, (length) => length - 5_000);
      flip(third, () => 300);
    },
  ],
  ['a file in the middle is cut short', ([, second = '']) => truncateSync(second, 10_000)],
  ['the last file is cut short', (files) => truncateSync(files.at(-1) ?? '', 10_000)],
  ['a file is emptied', ([, second = '']) => truncateSync(second, 0)],
  ['a file is gone', ([, second = '']) => rmSync(second)],
];

describe('a spool that is damaged on disk', () => {
  it.each(DAMAGE)('%s: the rest arrives once and in order, and the loss is in the chain', (_name, damage) => {
    const [spool, stored] = [new Spool(dir, 1e9), new Stored()];
    const queue = queueOn(spool);
    push(queue, 0, 5);
    stored.take(queue);
    push(queue, 5, RECORDS);
    damage(segments());
    stored.take(queue);
    push(queue, RECORDS, RECORDS + 100);
    stored.take(queue);
    expectAccounted(stored, RECORDS + 100);
    expect(stored.numbers.at(-1)).toBe(RECORDS + 99);
    expect(queue).toMatchObject({ lost: stored.told, backlog: 0, unreportedLosses: 0 });
    expect(spool.bytes).toBe(0);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('that is damaged while it is being delivered', () => {
    const [spool, stored] = [new Spool(dir, 1e9), new Stored()];
    const queue = queueOn(spool);
    push(queue, 0, RECORDS);
    stored.take(queue, 5);
    flip(segments().at(-1) ?? '', () => 300);
    push(queue, RECORDS, RECORDS + 700);
    stored.take(queue);
    expectAccounted(stored, RECORDS + 700);
  });

  it('whose very first record is damaged, of a queue without memory', () => {
    const [queue, stored] = [queueOn(new Spool(dir, 1e9), 0), new Stored()];
    push(queue, 0, 10);
    flip(join(dir, readdirSync(dir)[0] ?? ''), () => 500);
    stored.take(queue);
    expectAccounted(stored, 10);
    expect([stored.told, queue.backlog]).toEqual([1, 0]);
  });

  it('whose mending is cut short by a crash or the disk loses nothing unmarked, and throws nothing', () => {
    const [spool, stored] = [new Spool(dir, 1e9), new Stored()];
    const queue = queueOn(spool);
    push(queue, 0, RECORDS);
    stored.take(queue, 1);
    const [first = '', second = ''] = segments();
    truncateSync(first, 500_000);
    // A folder in its place lets no file be put there, as a disk may that fails: the second segment cannot be read either.
    rmSync(second);
    mkdirSync(join(second, 'in-the-way'), { recursive: true });
    stored.take(queue);
    expectAccounted(stored, RECORDS);
    expect(queue.backlog).toBe(0);
  });

  it.each([
    ['', false],
    [', and lost by the control plane', true],
  ])('what a dead process left behind records that were delivered%s, its very first one damaged', (_name, isLost) => {
    const [before, stored] = [new Spool(dir, 1e9), new Stored()];
    const dead = queueOn(before);
    push(dead, 0, RECORDS);
    dead.spill();
    const files = segments().length;
    while (segments().length === files) stored.take(dead, 1);
    const delivered = stored.numbers.length;
    dead.close();
    flip(segments()[0] ?? '', () => 500);
    const spool = new Spool(dir, 1e9);
    spool.load();
    const queue = queueOn(spool);
    queue.resume();
    expect(queue.backlog).toBeGreaterThanOrEqual(RECORDS - delivered);
    const plane = isLost ? new Stored() : stored;
    plane.take(queue);
    expectAccounted(plane, RECORDS);
  });

  it('forgets drafts that a crash left', () => {
    const dead = queueOn(new Spool(dir, 1e9));
    push(dead, 0, RECORDS);
    dead.spill();
    dead.close();
    writeFileSync(join(dir, '0000000000000001.records.draft'), 'half');
    const [spool, stored] = [new Spool(dir, 1e9), new Stored()];
    spool.load();
    const queue = queueOn(spool);
    queue.resume();
    stored.take(queue);
    expect(stored.numbers).toHaveLength(RECORDS);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.each(DAMAGE.slice(0, 6))('what a dead process left, more of it delivered than it knew: %s', (_name, damage) => {
    const [dead, stored] = [queueOn(new Spool(dir, 1e9)), new Stored()];
    push(dead, 0, RECORDS);
    dead.spill();
    stored.take(dead, 1, false);
    stored.take(dead, 3);
    expect(stored.numbers.length).toBeGreaterThan(dead.acked);
    dead.close();
    damage(segments());
    const spool = new Spool(dir, 1e9);
    spool.load();
    const queue = queueOn(spool);
    queue.resume();
    stored.take(queue);
    expectAccounted(stored, RECORDS, 0);
  });

  it('what a process left that died while it mended', () => {
    const [dead, stored] = [queueOn(new Spool(dir, 1e9)), new Stored()];
    push(dead, 0, RECORDS);
    dead.spill();
    dead.close();
    const files = segments();
    const last = files.at(-1) ?? '';
    const unmended = readFileSync(last);
    flip(files[0] ?? '', (length) => length >> 1);
    for (const [batches, lost] of [
      [2, 1],
      [RECORDS, 0],
    ] as const) {
      const spool = new Spool(dir, 1e9);
      spool.load();
      const queue = queueOn(spool);
      queue.resume();
      stored.take(queue, batches);
      expect(queue.lost).toBe(lost);
      queue.close();
      // As if it had not come to put this one in its place.
      if (lost > 0) writeFileSync(last, unmended);
    }
    expectAccounted(stored, RECORDS);
  });

  it('what a dead process left: a bit flips in the last file', () => {
    const [dead, stored] = [queueOn(new Spool(dir, 1e9)), new Stored()];
    push(dead, 0, 100);
    dead.spill();
    dead.close();
    flip(join(dir, readdirSync(dir).sort().at(-1) ?? ''), (length) => length >> 1);
    const spool = new Spool(dir, 1e9);
    spool.load();
    const queue = queueOn(spool);
    queue.resume();
    stored.take(queue);
    expectAccounted(stored, 100);
  });

  it.each(DAMAGE.slice(0, 6))('what a dead process left: %s', (_name, damage) => {
    const dead = queueOn(new Spool(dir, 1e9));
    push(dead, 0, RECORDS);
    dead.spill();
    dead.close();
    damage(segments());
    const [spool, stored] = [new Spool(dir, 1e9), new Stored()];
    spool.load();
    const queue = queueOn(spool);
    queue.resume();
    stored.take(queue);
    expectAccounted(stored, RECORDS);
    expect(queue.lost).toBe(stored.told);
  });
});
