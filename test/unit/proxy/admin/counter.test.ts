import { Counter as TheirCounter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Counter } from '../../../../proxy/admin/counter.ts';
import { renderMetrics } from '../../../../proxy/admin/exposition.ts';

describe('Counter', () => {
  it.each(['ok', 'no "route"', 'a\\b', 'two\nlines', ''])('renders what prom-client renders for %j', async (reason) => {
    const theirs = new Registry();
    const ours = new Counter('calls_total', 'Calls \\ and\nlines.');
    const options = { name: ours.name, help: ours.help, labelNames: ['outcome', 'reason'], registers: [theirs] };
    const their = new TheirCounter(options);
    ours.cell({ outcome: 'denied', reason }).value += 2;
    ours.cell({ outcome: 'allowed', reason }).value += 1;
    their.inc({ outcome: 'denied', reason }, 2);
    their.inc({ outcome: 'allowed', reason }, 1);
    expect(renderMetrics([ours])).toBe(await theirs.metrics());
  });

  it('shows a count without labels from the start', async () => {
    const theirs = new Registry();
    const ours = new Counter('hits_total', 'Hits.');
    const hits = ours.cell();
    const their = new TheirCounter({ name: 'hits_total', help: 'Hits.', registers: [theirs] });
    expect(renderMetrics([ours])).toBe(await theirs.metrics());
    hits.value += 3;
    their.inc(3);
    expect(renderMetrics([ours])).toBe(await theirs.metrics());
  });
});
