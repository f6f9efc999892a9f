import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StillnessWatch } from '../../../../policy-client/watch/stillness.ts';

let wallMs = 0;
let monotonicMs = 0;
let stills: number[] = [];
let watch: StillnessWatch;

beforeEach(() => {
  vi.useFakeTimers();
  stills = [];
  watch = new StillnessWatch({
    maxStillMs: 1_000,
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    onResumed: (stillMs) => stills.push(stillMs),
  });
  watch.start();
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

/** Time as the two clocks show it, then the next look at them. */
function pass(wall: number, monotonic: number): number[] {
  wallMs += wall;
  monotonicMs += monotonic;
  vi.advanceTimersByTime(200);
  return stills.splice(0);
}

it('A-68: is told by either clock: the monotonic one may have slept too, the other be set back', () => {
  expect(pass(200, 200)).toEqual([]);
  expect(pass(60_000, 200)).toEqual([60_000]);
  expect(pass(-3_600_000, 5_000)).toEqual([5_000]);
  expect(pass(1_000, 1_000)).toEqual([]);
});

it('is told no more once it is not watched for', () => {
  watch.stop();
  expect([vi.getTimerCount(), pass(60_000, 60_000)]).toEqual([0, []]);
});
