import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash } from '../../../../common/decision-chain.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { drain, names, queueOf, record } from '../../../support/policy-client/record-queue.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-queue-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('RecordQueue with a spool', () => {
  it('has room again once the disk takes writes again, though nothing was acknowledged', () => {
    let isFull = true;
    const write = (file: number, bytes: Uint8Array): number => {
      if (isFull) throw new Error('ENOSPC');
      return writeSync(file, bytes);
    };
    const queue = queueOf(2_000, new Spool(join(dir, 'full'), 1_000_000, { write }));
    for (const id of names(0, 100)) queue.push(record(id, { grantId: 'g' }));
    queue.flush();
    expect(queue.hasRoomFor('call', 1)).toBe(false);
    isFull = false;
    // Whoever is refused now has no place yet, but its loss is told, which shows that the disk is there.
    queue.push(record('refused'));
    queue.flush();
    expect(queue.hasRoomFor('call', 1)).toBe(true);
    const chain = { sequence: 0, head: genesisHash('i') };
    const sent: string[] = [];
    for (let ids = drain(queue, chain); ids.length > 0; ids = drain(queue, chain)) {
      sent.push(...ids);
      queue.acknowledge(chain.sequence);
    }
    const kept = sent.filter((id) => id.startsWith('r'));
    expect(sent).toEqual([...kept, `lost ${101 - kept.length}`]);
  });

  it('puts on disk what memory has no room for, and sends it in order', () => {
    const queue = queueOf(500, new Spool(join(dir, 'one'), 1e6));
    for (const id of names(0, 10)) queue.push(record(id));
    queue.flush();
    queue.push(record('r10'));
    queue.flush();
    expect(queue.lost).toBe(0);
    const chain = { sequence: 0, head: genesisHash('i') };
    const sent: string[] = [];
    for (let turn = 0; turn < 20 && queue.backlog > 0; turn += 1) {
      sent.push(...drain(queue, chain));
      queue.acknowledge(chain.sequence);
    }
    expect(sent).toEqual(names(0, 11));
    queue.close();
  });

  it('spills what is in memory once, and a later process goes on with it', () => {
    const first = new Spool(join(dir, 'one'), 1e6);
    const queue = queueOf(1e9, first);
    for (const id of names(0, 300)) queue.push(record(id));
    queue.flush();
    expect([queue.spill(), first.lastSequence]).toEqual([true, 300]);
    for (const id of names(300, 310)) queue.push(record(id));
    queue.flush();
    // What has room in memory waits there again.
    expect(first.lastSequence).toBe(300);
    expect([queue.spill(), first.lastSequence]).toEqual([true, 310]);
    queue.close();
    const spool = new Spool(join(dir, 'one'), 1e6);
    spool.load();
    const next = queueOf(0, spool);
    next.resume();
    expect(next.backlog).toBe(310);
    expect(drain(next)).toEqual([]);
    next.goOnAfter({ sequence: 0, hash: genesisHash('i') });
    expect(drain(next)).toEqual(names(0, 310));
    next.acknowledge(310);
    expect([next.backlog, spool.bytes]).toEqual([0, 0]);
    next.close();
  });

  it('adds to the disk what comes while there is something on it, though memory has room again', () => {
    const queue = queueOf(1_000, new Spool(join(dir, 'one'), 1e6));
    for (const id of names(0, 20)) queue.push(record(id));
    queue.flush();
    const chain = { sequence: 0, head: genesisHash('i') };
    const sent = drain(queue, chain);
    queue.acknowledge(chain.sequence);
    expect(queue.memoryBytes).toBe(0);
    queue.push(record('r20'));
    queue.flush();
    for (let ids = drain(queue, chain); ids.length > 0; ids = drain(queue, chain)) {
      sent.push(...ids);
      queue.acknowledge(chain.sequence);
    }
    expect(sent).toEqual(names(0, 21));
  });

  it('puts nothing on disk twice, and frees it for the next process', () => {
    const spool = new Spool(join(dir, 'one'), 1e6);
    const queue = queueOf(0, spool);
    for (const id of names(0, 5)) queue.push(record(id));
    queue.flush();
    const { bytes } = spool;
    const [file = ''] = readdirSync(join(dir, 'one'));
    const { ino } = statSync(join(dir, 'one', file));
    expect(drain(queue)).toEqual(names(0, 5));
    expect([queue.spill(), spool.bytes]).toEqual([true, bytes]);
    expect(statSync(join(dir, 'one', file)).ino).toBe(ino);
    utimesSync(join(dir, 'one'), 0, 0);
    queue.touch();
    expect(statSync(join(dir, 'one')).mtimeMs).toBeGreaterThan(0);
    queue.close();
    expect(statSync(join(dir, 'one')).mtimeMs).toBe(0);
    const none = queueOf(1e9);
    none.push(record('a'));
    none.flush();
    expect(none.spill()).toBe(false);
  });

  it('that goes on with what another left adds nothing to it, and is new where nothing was left', () => {
    const queue = queueOf(0, new Spool(join(dir, 'one'), 1e6));
    for (const id of names(0, 3)) queue.push(record(id));
    queue.flush();
    queue.close();
    const spool = new Spool(join(dir, 'one'), 1e6);
    spool.load();
    const next = queueOf(1e9, spool);
    next.resume();
    next.goOnAfter({ sequence: 0, hash: genesisHash('i') });
    next.push(record('mine'));
    next.flush();
    expect(drain(next)).toEqual(names(0, 3));
    next.acknowledge(3);
    expect([drain(next), next.backlog]).toEqual([[], 1]);
    const fresh = queueOf(1e9, new Spool(join(dir, 'two'), 1e6));
    fresh.resume();
    expect(fresh.backlog).toBe(0);
    fresh.push(record('a'));
    fresh.flush();
    expect(drain(fresh)).toEqual(['a']);
  });
});
