import { Gauge, Histogram as TheirHistogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { type Metric, renderMetrics } from '../../../../proxy/admin/exposition.ts';
import { Histogram } from '../../../../proxy/admin/histogram.ts';

const bounds = [0.001, 0.01, 0.1, 1];

describe('Histogram', () => {
  it('renders what prom-client renders for the same observations, beside another metric', async () => {
    const theirs = new Registry();
    const ours = new Histogram('call_seconds', 'How long.', bounds);
    const registers = [theirs];
    const their = new TheirHistogram({ name: 'call_seconds', help: 'How long.', buckets: bounds, registers });
    for (const value of [0, 0.001, 0.0011, 0.05, 1, 7]) {
      ours.observe(value);
      their.observe(value);
    }
    const live: Metric = { name: 'live', help: 'Live.', type: 'gauge', samples: () => [{ value: 2 }] };
    new Gauge({ name: 'live', help: 'Live.', registers }).set(2);
    expect(renderMetrics([ours, live])).toBe(await theirs.metrics());
  });
});
