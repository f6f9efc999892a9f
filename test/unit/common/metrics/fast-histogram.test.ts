import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FastHistogram } from '../../../../common/metrics/fast-histogram.ts';

describe('FastHistogram', () => {
  it('renders what prom-client renders for the same observations', async () => {
    const bounds = [0.001, 0.01, 0.1, 1];
    const [ours, theirs] = [new Registry(), new Registry()];
    const fast = new FastHistogram('call_seconds', 'How long.', bounds);
    fast.register(ours);
    const slow = new Histogram({ name: 'call_seconds', help: 'How long.', buckets: bounds, registers: [theirs] });
    for (const value of [0, 0.001, 0.0011, 0.05, 1, 7]) {
      fast.observe(value);
      slow.observe(value);
    }
    expect((await ours.metrics()).trim()).toBe((await theirs.metrics()).trim());
  });
});
