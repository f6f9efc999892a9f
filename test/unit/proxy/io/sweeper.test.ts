import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startSweeper } from '../../../../proxy/io/sweeper.ts';

let wallMs = 0;
let monotonicMs = 0;
const done: string[] = [];
/** A call that must end at 900 of the clock that nobody sets, under a grant that holds until 5,000 of the other one. */
const call = {
  deadlineAt: 900,
  standing: { leaseEndsAt: 5_000 },
  expire: () => done.push('expire'),
  reauthorize: () => done.push('reauthorize'),
};
const clocks = { clock: { now: () => wallMs }, monotonicMs: () => monotonicMs };
const unused = { sweep: () => {} };
let sweeper: ReturnType<typeof startSweeper>;

beforeEach(() => {
  vi.useFakeTimers();
  wallMs = 4_000;
  monotonicMs = 0;
  done.length = 0;
  sweeper = startSweeper(clocks, unused as never, [call] as never, unused as never);
});
afterEach(() => {
  sweeper.stop();
  vi.useRealTimers();
});

const sweepAt = (wall: number, monotonic = monotonicMs): string[] => {
  wallMs = wall;
  monotonicMs = monotonic;
  vi.advanceTimersByTime(500);
  return done.splice(0);
};

it('a call is asked about at the end of its lease', () => {
  expect([4_500, 4_999, 5_000].map((at) => sweepAt(at))).toEqual([[], [], ['reauthorize']]);
});

it('a call ends at its deadline, whatever the clock is set to', () => {
  expect(sweepAt(4_500, 899)).toEqual([]);
  expect(sweepAt(90_000, 899)).toEqual(['reauthorize']);
  expect(sweepAt(1_000, 900)).toEqual(['expire']);
});

it('a clock that is set back lets no call go on without a question (A-61)', () => {
  expect([4_500, 1_000, 1_500, 1_500].map((at) => sweepAt(at))).toEqual([[], ['reauthorize'], [], []]);
});
