import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { withFolder } from '../../../support/folder.ts';
import { decisionRecord } from '../../../support/policy-client/policy-client.ts';

it('has no room while its disk is full, though memory has some that nothing may go to yet', async () => {
  await withFolder(async (folder) => {
    const spool = new Spool(join(folder, 'one'), 2_000);
    const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 2_000, spool, nowMs: () => 0 });
    while (queue.lost === 0) {
      queue.push({ ...decisionRecord(), grantId: 'g' });
      queue.flush();
    }
    while (queue.acked < spool.firstSequence - 1) {
      queue.next();
      queue.acknowledge(spool.firstSequence - 1);
    }
    expect([queue.memoryBytes, queue.hasRoomFor('call', 0)]).toEqual([0, false]);
    queue.next();
    queue.acknowledge(spool.lastSequence);
    expect(queue.hasRoomFor('call', 0)).toBe(true);
    queue.close();
  });
});

it('goes on in memory while what is on disk is in memory too', async () => {
  await withFolder(async (folder) => {
    const spool = new Spool(join(folder, 'one'), 10_000);
    const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 10_000, spool, nowMs: () => 0 });
    queue.push(decisionRecord());
    queue.flush();
    queue.next();
    queue.spill();
    const { bytes } = spool;
    queue.push(decisionRecord());
    queue.flush();
    expect([bytes > 0, spool.bytes - bytes, queue.next()?.firstSequence]).toEqual([true, 0, 2]);
    queue.close();
  });
});

it('chains what is pending by itself once there is a lot', () => {
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 1e9, spool: undefined, nowMs: () => 0 });
  for (let count = 0; count < 1_023; count += 1) queue.push(decisionRecord());
  expect(queue.next()).toBe(undefined);
  queue.push(decisionRecord());
  expect([queue.next()?.firstSequence, queue.backlog]).toEqual([1, 1_024]);
});

it('chains nothing behind a loss whose count finds no place, though it would find one itself', () => {
  const small = { ...decisionRecord({ path: '/' }), grantId: 'g' };
  const alone = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 1e9, spool: undefined, nowMs: () => 0 });
  alone.push(small);
  alone.flush();
  const room = 2 * alone.memoryBytes;
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: room, spool: undefined, nowMs: () => 0 });
  for (const path of ['/', `/${'a'.repeat(room)}`, '/']) {
    queue.push({ ...small, path });
    queue.flush();
  }
  expect([queue.backlog, queue.lost, queue.unreportedLosses]).toEqual([1, 2, 2]);
});

it('counts every loss while not even the count of them finds a place', () => {
  const queue = new RecordQueue({ instanceId: 'i', maxMemoryBytes: 0, spool: undefined, nowMs: () => 0 });
  for (const lost of [2, 4, 6]) {
    for (const path of ['/a', '/b']) queue.push({ ...decisionRecord({ path }), grantId: 'g' });
    queue.flush();
    expect([queue.lost, queue.unreportedLosses, queue.backlog]).toEqual([lost, lost, 0]);
  }
});
