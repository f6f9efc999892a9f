import { expect, test } from 'vitest';
import { WaitingBody } from '../../../../proxy/io/waiting-body.ts';

function drained(waiting: WaitingBody<string>): (string | number)[] {
  const parts: (string | number)[] = [];
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    parts.push('bytes' in part ? part.bytes.length : part.other);
  }
  return parts;
}

test('A-53 a window full of frames of one byte waits in few pieces, in the order in which all came', () => {
  const waiting = new WaitingBody<string>();
  waiting.add('head');
  for (let at = 0; at < 100_000; at += 1) waiting.addBody(Buffer.of(at));
  waiting.add('end');
  expect(waiting.last).toBe('end');
  const parts = drained(waiting);
  expect(parts.length).toBeLessThan(12);
  expect([parts[0], parts.at(-1)]).toEqual(['head', 'end']);
  const sizes = parts.filter((part) => typeof part === 'number');
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_000);
  expect(waiting.isEmpty).toBe(true);
});

test('what waits can be dropped, and no bytes are no part', () => {
  const waiting = new WaitingBody<string>();
  expect([waiting.isEmpty, waiting.last, waiting.shift()]).toEqual([true, undefined, undefined]);
  waiting.addBody(Buffer.alloc(0));
  waiting.add('end');
  expect(drained(waiting)).toEqual(['end']);
  waiting.addBody(Buffer.from('x'));
  expect(waiting.last).toBeUndefined();
  waiting.clear();
  expect(drained(waiting)).toEqual([]);
});
