import type { Metric, Registry } from 'prom-client';

/**
 * A histogram without labels, observed once or twice a call: prom-client's own costs 0.7 microseconds an observation,
 * this one a loop over its bounds. The registry renders it like any other.
 */
export class FastHistogram {
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  /** Observations at or below each bound and above the one before; the last is above all. */
  readonly #counts: number[];
  #sum = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  register(registry: Registry): void {
    const { name, help } = this;
    const metric = { name, help, get: async () => this.#render(), reset: () => this.#counts.fill(0) };
    registry.registerMetric(metric as unknown as Metric);
  }

  #render(): unknown {
    const { name, help } = this;
    let total = 0;
    const values: unknown[] = this.#counts.map((count, at) => {
      total += count;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[at] ?? '+Inf' }, value: total };
    });
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum });
    values.push({ metricName: `${name}_count`, labels: {}, value: total });
    return { name, help, type: 'histogram', values, aggregator: 'sum' };
  }
}
