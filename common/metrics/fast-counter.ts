import type { Metric, Registry } from 'prom-client';

/** A counter that is counted on every call: prom-client's own checks and hashes labels each time. Rendered like any other. */
export class FastCounter {
  readonly name: string;
  readonly help: string;
  readonly #cells: Cell[] = [];

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  /** The count under these labels, from now on part of what is rendered; to be kept by the caller. */
  cell(labels: Readonly<Record<string, string>> = {}): Cell {
    const cell = { labels, value: 0 };
    this.#cells.push(cell);
    return cell;
  }

  register(registry: Registry): void {
    const { name, help } = this;
    const reset = (): void => {
      for (const cell of this.#cells) cell.value = 0;
    };
    registry.registerMetric({ name, help, get: async () => this.#render(), reset } as unknown as Metric);
  }

  #render(): unknown {
    const values = this.#cells.map(({ labels, value }) => ({ labels, value }));
    return { name: this.name, help: this.help, type: 'counter', values, aggregator: 'sum' };
  }
}

/** One count; whoever counts adds to `value`. */
export interface Cell {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}
