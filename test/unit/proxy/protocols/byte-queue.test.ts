import { afterEach, describe, expect, it, vi } from 'vitest';
import { ByteQueue } from '../../../../proxy/protocols/byte-queue.ts';
import { seededRandom } from '../../../support/random.ts';

afterEach(() => vi.restoreAllMocks());

describe('bytes that are detached', () => {
  it('are the same, however they are read, and whatever their owner does to them', () => {
    const random = seededRandom(4);
    const queue = new ByteQueue();
    const lent = Buffer.alloc(64);
    let sent = '';
    let read = '';
    for (let step = 0; step < 5_000; step += 1) {
      const count = random.below(8);
      const text = Array.from({ length: count }, () => String.fromCharCode(97 + random.below(26))).join('');
      lent.write(text, 'latin1');
      queue.push(lent.subarray(0, count));
      sent += text;
      if (random.below(3) === 0) queue.gather(1 + random.below(20));
      queue.detach();
      lent.fill('#');
      while (queue.length > 0 && random.below(3) > 0) read += queue.take(1 + random.below(6)).toString('latin1');
      expect(queue.length).toBe(sent.length - read.length);
    }
    expect(read + queue.takeAll().toString('latin1')).toBe(sent);
  });

  it('are copied a few times, not once for each byte that follows', () => {
    const queue = new ByteQueue();
    const copies = vi.spyOn(Buffer.prototype, 'copy');
    const joined = vi.spyOn(Buffer, 'concat');
    for (let byte = 0; byte < 20_000; byte += 1) {
      queue.push(Buffer.from([byte % 256]));
      queue.detach();
    }
    expect(queue.takeAll()).toEqual(Buffer.from(Array.from({ length: 20_000 }, (_, byte) => byte % 256)));
    const copied = copies.mock.results.reduce((sum, { value }) => sum + Number(value), 0);
    expect(copied).toBeGreaterThan(20_000);
    expect(copied).toBeLessThan(4 * 20_000);
    expect(joined).not.toHaveBeenCalled();
  });
});
