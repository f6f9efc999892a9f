import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeSlab } from '../../../../common/slabs.ts';
import { Backlog } from '../../../../proxy/io/backlog.ts';

interface Mark {
  readonly mark: number;
}

function drainAll(backlog: Backlog<Mark>, give: (next: Buffer | Mark) => void): void {
  backlog.drain(
    () => true,
    give,
    () => {},
  );
}

test('pieces come out in order, as bytes, around what came between them', () => {
  const entry = fc.oneof(fc.uint8Array({ maxLength: 6_000 }), fc.record({ mark: fc.nat() }));
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
      const backlog = new Backlog<Mark>();
      const said: string[] = [];
      const read: string[] = [];
      const note = (list: string[], next: Uint8Array | Mark): void => {
        const text = 'mark' in next ? `#${next.mark}` : Buffer.from(next).toString('hex');
        if (!('mark' in next) && list.length > 0 && !list.at(-1)?.startsWith('#')) list.push((list.pop() ?? '') + text);
        else list.push(text);
      };
      for (const next of entries) {
        note(said, next);
        if ('mark' in next) backlog.add(next);
        else {
          // In memory of their own, as reads are, and in memory with other bytes.
          const given = next.length % 2 === 0 ? Buffer.from(next.slice().buffer) : Buffer.from(next);
          backlog.addBody(given);
          given.fill(0xee);
        }
      }
      drainAll(backlog, (next) => note(read, next));
      expect(read).toEqual(said);
      expect(backlog.isEmpty).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('a body in pieces of one octet takes few buffers', () => {
  const backlog = new Backlog<Mark>();
  for (let at = 0; at < 100_000; at += 1) backlog.addBody(Buffer.from([at & 0xff]));
  let pieces = 0;
  drainAll(backlog, () => (pieces += 1));
  expect(pieces).toBeLessThan(100);
});

test('memory that is lent serves others once what it held was given and that was said, and not before', () => {
  const backlog = new Backlog<Mark>();
  backlog.addBody(Buffer.alloc(10_000, 'a'));
  let lent: Buffer | undefined;
  backlog.drain(
    () => true,
    (next) => (lent = next as Buffer),
    () => expect(takeSlab().buffer).not.toBe(lent?.buffer),
  );
  expect(takeSlab().buffer).toBe(lent?.buffer);
});

test('what was added behind an event is not in memory that goes back with what came before it', () => {
  const backlog = new Backlog<Mark>();
  backlog.addBody(Buffer.alloc(10_000, 'a'));
  backlog.add({ mark: 1 });
  backlog.addBody(Buffer.alloc(6_000, 'b'));
  const memory = new Set<ArrayBufferLike>();
  drainAll(backlog, (next) => Buffer.isBuffer(next) && memory.add(next.buffer));
  expect(memory.size).toBe(2);
});
