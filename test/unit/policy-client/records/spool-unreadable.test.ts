import type * as nodeFs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { expectAccounted, push, queueOn, Stored } from '../../../support/control-plane/stored-chain.ts';

const RECORDS = 2_400;
/** What the system says of these files when they are to be read. */
const { faults } = vi.hoisted(() => ({ faults: new Map<unknown, string>() }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof nodeFs>();
  const readFileSync = (...[path, options]: Parameters<typeof fs.readFileSync>) => {
    const code = faults.get(path);
    if (code !== undefined) throw Object.assign(new Error(`${code}: read`), { code });
    return fs.readFileSync(path, options);
  };
  /** Another file is in its place. */
  const renameSync = (from: string, to: string) => {
    fs.renameSync(from, to);
    faults.delete(to);
  };
  return { ...fs, readFileSync, renameSync };
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-spool-'));
});
afterEach(() => {
  faults.clear();
  rmSync(dir, { recursive: true, force: true });
});

/** Files of what a process left when it died, in order. */
function leave(): string[] {
  const dead = queueOn(new Spool(dir, 1e9));
  push(dead, 0, RECORDS);
  dead.spill();
  dead.close();
  const files = readdirSync(dir).sort();
  expect(files).toHaveLength(4);
  return files.map((name) => join(dir, name));
}

function resumed(): RecordQueue {
  const spool = new Spool(dir, 1e9);
  spool.load();
  const queue = queueOn(spool);
  queue.resume();
  return queue;
}

it.each([[[0]], [[1]], [[1, 2]], [[0, 1, 2]]])(
  'of what a dead process left all is delivered but files %j, which the disk does not give, and their loss is told',
  (unreadable) => {
    const [files, stored] = [leave(), new Stored()];
    for (const at of unreadable) faults.set(files[at], 'EIO');
    const queue = resumed();
    stored.take(queue);
    expectAccounted(stored, RECORDS);
    expect(stored.numbers.at(-1)).toBe(RECORDS - 1);
    expect(queue).toMatchObject({ lost: stored.told, backlog: 0 });
    expect(readdirSync(dir)).toEqual([]);
  },
);

it.each([[[3]], [[0, 1, 2, 3]]])(
  'of files %j at the end, which the disk does not give, one record is told',
  (unreadable) => {
    const [files, stored] = [leave(), new Stored()];
    const first = Number.parseInt(files.at(-1)?.split('/').at(-1) ?? '', 10);
    for (const at of unreadable) faults.set(files[at], 'EIO');
    const queue = resumed();
    stored.take(queue);
    expectAccounted(stored, first);
    expect(queue).toMatchObject({ lost: stored.told, backlog: 0 });
  },
);

it.each(['EMFILE', 'ENFILE', 'ENOMEM', 'EACCES'])('waits for what passes with time (%s), and loses nothing', (code) => {
  const [files, stored] = [leave(), new Stored()];
  faults.set(files[1], code);
  expect(resumed).toThrow(code);
  faults.clear();
  const queue = resumed();
  faults.set(files[1], code);
  stored.take(queue);
  expect([queue.lost, stored.told]).toEqual([0, 0]);
  faults.clear();
  stored.take(queue);
  expect([stored.numbers.length, stored.told]).toEqual([RECORDS, 0]);
});

it('goes on with the chain as it was where a repair has to wait', () => {
  const [queue, stored] = [queueOn(new Spool(dir, 1e9)), new Stored()];
  push(queue, 0, RECORDS);
  const [first = '', second = ''] = readdirSync(dir).sort();
  writeFileSync(join(dir, first), readFileSync(join(dir, first)).fill(0, 0, 100));
  faults.set(join(dir, second), 'EMFILE');
  stored.take(queue);
  push(queue, RECORDS, RECORDS + 10);
  faults.clear();
  stored.take(queue);
  expectAccounted(stored, RECORDS + 10);
  expect([stored.told, queue.lost]).toEqual([1, 1]);
});
