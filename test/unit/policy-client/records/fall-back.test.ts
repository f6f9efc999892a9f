import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash, nextHash } from '../../../../common/decision-chain.ts';
import { Spool } from '../../../../policy-client/records/spool.ts';
import { RecordQueue } from '../../../../policy-client/records/record-queue.ts';
import type { ChainedRecord, ChainHead } from '../../../../proto/gen/sidekey/v1/decision.ts';
import { ReportDecisionsRequest } from '../../../../proto/gen/sidekey/v1/proxy.ts';
import { decisionRecord } from '../../../support/policy-client/policy-client.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sidekey-fall-back-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A control plane that stores what follows, and can be put back to what it had before. */
class Plane {
  #stored: ChainedRecord[] = [];

  get last(): number {
    return this.#stored.at(-1)?.sequence ?? 0;
  }

  get head(): ChainHead {
    return { sequence: this.last, hash: this.#stored.at(-1)?.hash ?? genesisHash('i') };
  }

  get ids(): number[] {
    return this.#stored.map(({ sequence }) => sequence);
  }

  putBack(sequence: number): void {
    this.#stored = this.#stored.filter((record) => record.sequence <= sequence);
  }

  /** Stores the queue's next batches, acknowledging each or not, up to so many records before its end. */
  take(queue: RecordQueue, batches: number, acknowledges: boolean, behind = 0): void {
    for (let count = 0; count < batches; count += 1) {
      const batch = queue.next();
      if (batch === undefined) return;
      for (const record of ReportDecisionsRequest.decode(batch.bytes).records) this.#store(record);
      if (acknowledges) queue.acknowledge(this.last - behind);
    }
  }

  #store(record: ChainedRecord): void {
    if (record.sequence <= this.last) {
      const stored = this.#stored.find(({ sequence }) => sequence === record.sequence);
      return expect(stored?.hash).toEqual(record.hash);
    }
    const previous = this.head.hash;
    expect([record.sequence, record.previousHash]).toEqual([this.last + 1, previous]);
    expect(record.hash).toEqual(nextHash(previous, record.record));
    this.#stored.push(record);
  }
}

const newQueue = (maxMemoryBytes = 1e9, spool?: Spool) =>
  new RecordQueue({ instanceId: 'i', maxMemoryBytes, spool, nowMs: () => 0 });

function push(queue: RecordQueue, count: number, path = '/'): void {
  for (let each = 0; each < count; each += 1) queue.push(decisionRecord({ path }));
  queue.flush();
}

const step = fc.oneof(
  fc.record({ name: fc.constant('push' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    name: fc.constant('take' as const),
    count: fc.integer({ min: 1, max: 4 }),
    acknowledges: fc.boolean(),
    behind: fc.nat({ max: 2 }),
  }),
  fc.record({ name: fc.constant('rewind' as const) }),
  fc.record({ name: fc.constant('spill' as const) }),
  fc.record({ name: fc.constant('put back' as const), by: fc.integer({ min: 1, max: 12 }) }),
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Gives how many records were pushed. */
function play(steps: readonly Step[], queue: RecordQueue, plane: Plane): number {
  let pushed = 0;
  for (const each of steps) {
    if (each.name === 'push') {
      push(queue, each.count);
      pushed += each.count;
    } else if (each.name === 'take') {
      plane.take(queue, each.count, each.acknowledges, each.behind);
    } else if (each.name === 'rewind') queue.rewind();
    else if (each.name === 'spill') queue.spill();
    else {
      plane.putBack(Math.max(plane.last - each.by, 0));
      if (plane.last < queue.acked) expect(queue.fallBack(plane.last)).toBe(0);
      else queue.rewind();
    }
  }
  return pushed;
}

/** The batch that was acknowledged in part is spilled from there, and then lost as a whole. */
const HALF_ON_DISK: Step[] = [
  { name: 'push', count: 2 },
  { name: 'take', count: 1, acknowledges: true, behind: 1 },
  { name: 'spill' },
  { name: 'put back', by: 2 },
  { name: 'push', count: 1 },
];

const numbersTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('RecordQueue.fallBack', () => {
  it.each([
    { where: 'in memory', maxMemoryBytes: 1e9, hasSpool: false },
    { where: 'in memory and on disk', maxMemoryBytes: 1e9, hasSpool: true },
    { where: 'on disk mostly', maxMemoryBytes: 500, hasSpool: true },
  ])(
    'sends again, in order, whatever the control plane has lost, at any moment: $where',
    ({ maxMemoryBytes, hasSpool }) => {
      let runs = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          runs += 1;
          const queue = newQueue(maxMemoryBytes, hasSpool ? new Spool(join(dir, String(runs)), 1e7) : undefined);
          const plane = new Plane();
          const pushed = play(steps, queue, plane);
          queue.rewind();
          plane.take(queue, 1_000, true);
          queue.close();
          expect(plane.ids).toEqual(numbersTo(pushed));
          expect([queue.backlog, queue.inFlight, queue.memoryBytes]).toEqual([0, 0, 0]);
          expect(queue.delivered).toBe(pushed);
        }),
      );
    },
  );

  it.each([1e9, 500])(
    'is spilled with the rest, though it was on disk before: %d bytes of memory',
    (maxMemoryBytes) => {
      let runs = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          runs += 1;
          const ended = join(dir, String(runs));
          const queue = newQueue(maxMemoryBytes, new Spool(ended, 1e7));
          const plane = new Plane();
          const pushed = play(steps, queue, plane);
          expect(queue.spill()).toBe(true);
          queue.close();
          const spool = new Spool(ended, 1e7);
          if (existsSync(ended)) spool.load();
          const leftover = newQueue(0, spool);
          leftover.resume();
          leftover.goOnAfter(plane.head);
          plane.take(leftover, 1_000, true);
          expect(plane.ids).toEqual(numbersTo(pushed));
          expect([spool.bytes, leftover.backlog]).toEqual([0, 0]);
        }),
        { examples: [[HALF_ON_DISK]] },
      );
    },
  );

  it('keeps a megabyte, and says how many records are gone for good', () => {
    const queue = newQueue();
    for (let count = 0; count < 30; count += 1) {
      push(queue, 1, `/${'x'.repeat(100_000)}`);
      queue.next();
      queue.acknowledge(count + 1);
    }
    expect(queue.fallBack(5)).toBe(15);
    expect(queue.acked).toBe(20);
    const sequences: (number | undefined)[] = [];
    for (let batch = queue.next(); batch !== undefined; batch = queue.next()) sequences.push(batch.firstSequence);
    expect(sequences).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    // Lost again before any of it was acknowledged: there is no more to fall back on.
    expect(queue.fallBack(3)).toBe(17);
  });

  it('keeps so many batches, however small', () => {
    const queue = newQueue();
    for (let count = 0; count < 300; count += 1) {
      push(queue, 1);
      queue.next();
      queue.acknowledge(count + 1);
    }
    expect(queue.fallBack(0)).toBe(300 - 256);
  });

  it('has nothing to give when nothing was acknowledged by this process', () => {
    const queue = newQueue();
    push(queue, 3);
    expect(queue.fallBack(0)).toBe(0);
    expect(queue.next()?.firstSequence).toBe(1);
  });

  it('is not asked of a queue that knows what it sent itself', () => {
    const queue = newQueue();
    push(queue, 3);
    expect(queue.goOnAfter({ sequence: 3, hash: Buffer.alloc(32) })).toBe(false);
    expect([queue.acked, queue.backlog, queue.next()?.firstSequence]).toEqual([0, 3, 1]);
  });
});
