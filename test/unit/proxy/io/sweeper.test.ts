import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startSweeper } from '../../../../proxy/io/sweeper.ts';

let now = 0;
const done: string[] = [];
/** A call that must end at 9,000, under a grant that holds until 5,000. */
const call = {
  deadlineAt: 9_000,
  standing: { leaseEndsAt: 5_000 },
  expire: () => done.push('expire'),
  reauthorize: () => done.push('reauthorize'),
};
const unused = { sweep: () => {} };
let sweeper: ReturnType<typeof startSweeper>;

beforeEach(() => {
  vi.useFakeTimers();
  now = 4_000;
  done.length = 0;
  sweeper = startSweeper({ now: () => now }, unused as never, [call] as never, unused as never);
});
afterEach(() => {
  sweeper.stop();
  vi.useRealTimers();
});

const sweepAt = (at: number): string[] => {
  now = at;
  vi.advanceTimersByTime(500);
  return done.splice(0);
};

it('a call is asked about at the end of its lease, and ends at its deadline', () => {
  expect([4_500, 4_999, 5_000, 8_999, 9_000].map(sweepAt)).toEqual([
    [],
    [],
    ['reauthorize'],
    ['reauthorize'],
    ['expire'],
  ]);
});

it('a clock that is set back lets no call go on without a question (A-61)', () => {
  expect([4_500, 1_000, 1_500, 1_500].map(sweepAt)).toEqual([[], ['reauthorize'], [], []]);
});
