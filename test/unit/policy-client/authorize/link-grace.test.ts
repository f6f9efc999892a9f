import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LinkGrace } from '../../../../policy-client/authorize/link-grace.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const GRACE_MS = 1_000;

function grace() {
  const over: number[] = [];
  const start = Date.now();
  const since = () => Date.now() - start;
  return { over, grace: new LinkGrace(GRACE_MS, since, () => over.push(since())) };
}

it('runs from the start, and from each time that the link goes down', () => {
  const { grace: link, over } = grace();
  link.arm();
  vi.advanceTimersByTime(GRACE_MS - 1);
  expect([link.isOver, over]).toEqual([false, []]);
  vi.advanceTimersByTime(1);
  expect([link.isOver, over]).toEqual([true, [GRACE_MS]]);
  vi.advanceTimersByTime(5_000);
  link.begin();
  expect(link.isOver).toBe(false);
  vi.advanceTimersByTime(GRACE_MS);
  expect([link.isOver, over]).toEqual([true, [GRACE_MS, 6_000 + GRACE_MS]]);
});

it('is told once, however many wait for it, and at once to whoever comes later', () => {
  const { grace: link, over } = grace();
  link.begin();
  vi.advanceTimersByTime(400);
  link.arm();
  link.arm();
  vi.advanceTimersByTime(GRACE_MS);
  expect(over).toEqual([GRACE_MS]);
  link.arm();
  vi.advanceTimersByTime(0);
  expect(over).toEqual([GRACE_MS, 1_400]);
});

it('runs anew when the link goes down again, whether or not it was running', () => {
  const { grace: link, over } = grace();
  link.begin();
  vi.advanceTimersByTime(600);
  link.begin();
  vi.advanceTimersByTime(600);
  expect([link.isOver, over]).toEqual([false, []]);
  link.end();
  link.begin();
  vi.advanceTimersByTime(GRACE_MS);
  expect(over).toEqual([1_200 + GRACE_MS]);
});

it('is not told once the link is up', () => {
  const { grace: link, over } = grace();
  link.begin();
  link.end();
  vi.advanceTimersByTime(10 * GRACE_MS);
  expect([over, vi.getTimerCount()]).toEqual([[], 0]);
});
