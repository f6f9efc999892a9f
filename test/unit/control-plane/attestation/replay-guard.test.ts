import { expect, test } from 'vitest';
import { ReplayGuard } from '../../../../control-plane/attestation/replay-guard.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('a full guard looks for what has expired once a second at most', () => {
  const clock = new ManualClock();
  const guard = new ReplayGuard(clock, 2, 2);
  const begin = clock.now();
  guard.use('a', 'first', begin + 100);
  guard.use('b', 'second', begin + 400);
  // This one looks, and finds nothing.
  expect(guard.use('c', 'third', begin + 5_000)).toBe('full');
  clock.advance(999);
  expect(guard.use('c', 'third', begin + 5_000)).toBe('full');
  clock.advance(1);
  expect(guard.use('c', 'third', begin + 5_000)).toBe('fresh');
  expect(guard.size).toBe(1);
});
