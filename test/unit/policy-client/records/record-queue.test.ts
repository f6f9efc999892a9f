import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash, nextHash } from '../../../../common/decision-chain.ts';
import { LOST_RECORDS_METHOD } from '../../../../policy-client/records/loss-record.ts';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { DecisionRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../../proto/gen/sidekey/v1/proxy.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-queue-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const record = (id: string, changes: Partial<DecisionRecord> = {}) =>
  DecisionRecord.fromPartial({ id, at: new Date(0), ...changes });

function queueOf(maxMemoryBytes: number, spool?: Spool): RecordQueue {
  return new RecordQueue({ instanceId: 'i', maxMemoryBytes, spool, nowMs: () => 1_000 });
}

/** Takes what there is to send, checks that the chain has no gap, and returns the ids (`lost 3` for lost ones). */
function drain(queue: RecordQueue, chain = { sequence: 0, head: genesisHash('i') }): string[] {
  const ids: string[] = [];
  for (let batch = queue.next(); batch !== undefined; batch = queue.next()) {
    for (const link of ReportDecisionsRequest.decode(batch.bytes).records) {
      chain.sequence += 1;
      expect(link.sequence).toBe(chain.sequence);
      expect(link.previousHash.equals(chain.head)).toBe(true);
      chain.head = nextHash(link.previousHash, link.record);
      expect(link.hash.equals(chain.head)).toBe(true);
      const { id, method, path, instanceId } = DecisionRecord.decode(link.record);
      expect(instanceId).toBe('i');
      ids.push(method === LOST_RECORDS_METHOD ? `lost ${path.slice(1)}` : id);
    }
  }
  return ids;
}

const names = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `r${from + index}`);

describe('RecordQueue', () => {
  it('sends what was pushed, in order and in batches', () => {
    const queue = queueOf(1e9);
    for (const id of names(0, 700)) queue.push(record(id));
    expect(queue.backlog).toBe(700);
    queue.flush();
    expect(drain(queue)).toEqual(names(0, 700));
    expect(queue.inFlight).toBe(700);
    queue.acknowledge(700);
    expect([queue.backlog, queue.inFlight, queue.delivered, queue.memoryBytes]).toEqual([0, 0, 700, 0]);
  });

  it('sends again what was not acknowledged, from the middle of a batch too', () => {
    const queue = queueOf(1e9);
    for (const id of names(0, 5)) queue.push(record(id));
    queue.flush();
    drain(queue);
    queue.acknowledge(2);
    expect([queue.delivered, queue.inFlight, queue.backlog]).toEqual([2, 3, 3]);
    queue.rewind();
    expect(queue.inFlight).toBe(0);
    const [, second] = ReportDecisionsRequest.decode(queue.next()?.bytes ?? Buffer.alloc(0)).records;
    expect(second?.sequence).toBe(4);
    queue.acknowledge(99);
    expect([queue.acked, queue.delivered, queue.backlog, queue.memoryBytes]).toEqual([5, 5, 0, 0]);
  });

  it('takes no acknowledgement of what was never sent', () => {
    const queue = queueOf(1e9);
    queue.push(record('a'));
    queue.flush();
    queue.acknowledge(1);
    expect([queue.delivered, queue.backlog]).toEqual([0, 1]);
  });

  it('counts what finds no room, and says so in the chain once there is some', () => {
    const queue = queueOf(500);
    for (const id of names(0, 10)) queue.push(record(id, { grantId: 'g' }));
    queue.flush();
    const chain = { sequence: 0, head: genesisHash('i') };
    const kept = drain(queue, chain);
    expect(kept).toEqual(names(0, kept.length));
    expect(queue.lost).toBe(10 - kept.length);
    queue.acknowledge(kept.length);
    queue.push(record('later'));
    queue.flush();
    expect(drain(queue, chain)).toEqual([`lost ${10 - kept.length}`, 'later']);
    expect(queue.unreportedLosses).toBe(0);
  });

  it('says that it has no room before a record is lost, however short they are', () => {
    const queue = queueOf(8_000);
    let pushed = 0;
    while (queue.hasRoomFor('call', 1) && pushed < 1_000)
      queue.push(record(`r${(pushed += 1)}`, { upstreamAddress: 'a' }));
    expect(queue.hasRoomFor('call', 1)).toBe(false);
    queue.push(record('under-way', { grantId: 'g' }));
    queue.flush();
    expect(queue.lost).toBe(0);
  });

  it('keeps room for every call that is under way, in memory and on disk', () => {
    for (const queue of [queueOf(500_000), queueOf(0, new Spool(join(dir, 'calls'), 500_000))]) {
      let pushed = 0;
      while (queue.hasRoomFor('call', 400)) {
        queue.push(record(`r${(pushed += 1)}`, { grantId: 'g' }));
        if (pushed % 50 === 0) queue.flush();
      }
      expect(pushed).toBeGreaterThan(100);
      for (const id of names(0, 400)) queue.push(record(id, { grantId: 'g', path: `/${'a'.repeat(600)}` }));
      queue.flush();
      expect(queue.lost).toBe(0);
      expect(queue.hasRoomFor('call', 1)).toBe(true);
    }
  });

  it('leaves half of its room to calls, in memory and on disk', () => {
    for (const queue of [queueOf(8_000), queueOf(0, new Spool(join(dir, 'half'), 8_000))]) {
      for (const id of names(0, 500)) queue.push(record(id));
      queue.flush();
      const { lost } = queue;
      expect(queue.hasRoomFor('call', 1)).toBe(true);
      expect(lost).toBeGreaterThan(0);
      for (const id of names(0, 15)) queue.push(record(id, { grantId: 'g' }));
      queue.flush();
      expect(queue.lost).toBe(lost);
    }
  });

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

  it('loses only the record that cannot be written', () => {
    const queue = queueOf(1e9);
    queue.push(record('a'));
    queue.push(record('bad', { durationUs: -1 }));
    queue.push(record('b'));
    queue.flush();
    expect(drain(queue)).toEqual(['lost 1', 'a', 'b']);
    expect(queue.lost).toBe(1);
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

  it('reports each loss once', () => {
    const queue = queueOf(500);
    const chain = { sequence: 0, head: genesisHash('i') };
    const lost: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (const id of names(0, 10 + round)) queue.push(record(id, { grantId: 'g' }));
      queue.flush();
      lost.push(...drain(queue, chain).filter((id) => id.startsWith('lost')));
      queue.acknowledge(chain.sequence);
    }
    queue.flush();
    lost.push(...drain(queue, chain));
    const counts = lost.map((text) => Number(text.slice('lost '.length)));
    expect(counts).toHaveLength(3);
    expect(counts.reduce((sum, count) => sum + count)).toBe(queue.lost);
  });

  it('has batches of 256 records, and of a quarter of a mebibyte', () => {
    const queue = queueOf(1e9);
    for (const id of names(0, 600)) queue.push(record(id));
    queue.flush();
    for (const id of names(0, 5)) queue.push(record(id, { path: `/${'x'.repeat(100_000)}` }));
    queue.flush();
    const sizes: number[] = [];
    for (let batch = queue.next(); batch !== undefined; batch = queue.next()) sizes.push(batch.size);
    expect(sizes).toEqual([256, 256, 88, 3, 2]);
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
