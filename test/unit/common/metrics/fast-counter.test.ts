import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FastCounter } from '../../../../common/metrics/fast-counter.ts';

describe('FastCounter', () => {
  it('renders what prom-client renders for the same counts', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const fast = new FastCounter('calls_total', 'Calls.');
    fast.register(ours);
    const slow = new Counter({ name: 'calls_total', help: 'Calls.', labelNames: ['reason'], registers: [theirs] });
    fast.cell({ reason: 'ok' }).value += 2;
    fast.cell({ reason: 'no "route"' }).value += 1;
    slow.inc({ reason: 'ok' }, 2);
    slow.inc({ reason: 'no "route"' }, 1);
    expect(await ours.metrics()).toBe(await theirs.metrics());
  });

  it('shows a count without labels from the start, and 0 after a reset', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const fast = new FastCounter('hits_total', 'Hits.');
    fast.register(ours);
    const hits = fast.cell();
    new Counter({ name: 'hits_total', help: 'Hits.', registers: [theirs] });
    expect(await ours.metrics()).toBe(await theirs.metrics());
    hits.value += 3;
    ours.resetMetrics();
    expect(await ours.metrics()).toBe(await theirs.metrics());
  });
});
