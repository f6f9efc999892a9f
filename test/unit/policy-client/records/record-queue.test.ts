import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash } from '../../../../common/decision-chain.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { ReportDecisionsRequest } from '../../../../proto/gen/sidekey/v1/proxy.ts';
import { drain, names, queueOf, record } from '../../../support/policy-client/record-queue.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-queue-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

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

  it('loses only the record that cannot be written', () => {
    const queue = queueOf(1e9);
    queue.push(record('a'));
    queue.push(record('bad', { durationUs: -1 }));
    queue.push(record('b'));
    queue.flush();
    expect(drain(queue)).toEqual(['lost 1', 'a', 'b']);
    expect(queue.lost).toBe(1);
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
});
