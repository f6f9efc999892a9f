import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { VERSION } from '../version.ts';
import { FastCounter } from './fast-counter.ts';
import { FastHistogram } from './fast-histogram.ts';

export interface MetricSetOptions {
  /** Also what prom-client tells of the process: CPU, memory, garbage collection, lag of the event loop. */
  readonly ofProcess?: boolean;
}

interface Gauged {
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  read(): number;
}

/** The counters, histograms and gauges of one process. */
export class MetricSet {
  readonly #ofProcess: boolean;
  readonly #parts: (FastCounter | FastHistogram)[] = [];
  readonly #gauges: Gauged[] = [];
  #registry: Promise<Registry> | undefined;

  constructor({ ofProcess = false }: MetricSetOptions = {}) {
    this.#ofProcess = ofProcess;
  }

  counter(name: string, help: string): FastCounter {
    const made = new FastCounter(name, help);
    this.#parts.push(made);
    return made;
  }

  /** `bounds` in the unit that the name ends in, ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): FastHistogram {
    const made = new FastHistogram(name, help, bounds);
    this.#parts.push(made);
    return made;
  }

  /** Read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void {
    this.#gauges.push({ name, help, labels: {}, read });
  }

  buildInfo(): void {
    const help = 'Always 1; the labels are the release and the version of Node.';
    const labels = { version: VERSION, node: process.versions.node };
    this.#gauges.push({ name: 'sidekey_build_info', help, labels, read: () => 1 });
  }

  /** prom-client's registry of all of them. The package is loaded by the first who asks: not every process is scraped. */
  registry(): Promise<Registry> {
    this.#registry ??= this.#makeRegistry();
    return this.#registry;
  }

  /** The answer to a scrape. */
  async answer(response: ServerResponse): Promise<void> {
    const registry = await this.registry();
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType });
    response.end(text);
  }

  async #makeRegistry(): Promise<Registry> {
    // As it is CommonJS, its names stand on the default export alone once it is bundled.
    const { default: prometheus } = await import('prom-client');
    const { Gauge, Registry } = prometheus;
    const registry = new Registry();
    for (const part of this.#parts) part.register(registry);
    for (const { name, help, labels, read } of this.#gauges) {
      new Gauge({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [registry],
        collect() {
          this.set(labels, read());
        },
      });
    }
    if (this.#ofProcess) prometheus.collectDefaultMetrics({ register: registry });
    return registry;
  }
}
