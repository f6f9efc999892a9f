import { expect, it, vi } from 'vitest';
import { within } from '../../../common/deadline.ts';

const never = new Promise<never>(() => {});

it('gives what comes in time, and leaves no timer behind', async () => {
  vi.useFakeTimers();
  try {
    expect(await within(Promise.resolve('here'), 1_000, () => 'late')).toBe('here');
    await expect(within(Promise.reject(new Error('broken')), 1_000, () => 'late')).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('gives or throws what stands for what is late, whose own failure nobody has to hear of', async () => {
  expect(await within(never, 1, () => 'late')).toBe('late');
  const late = () => {
    throw new Error('too late');
  };
  const failing = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('unheard')), 20));
  await expect(within(failing, 1, late)).rejects.toThrow('too late');
  await new Promise((resolve) => setTimeout(resolve, 40));
});
