import type { Metric, Sample } from './exposition.ts';

/** A counter that is counted on every call: whoever counts holds the cell, so that no labels are looked up. */
export class Counter implements Metric {
  readonly type = 'counter';
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

  samples(): readonly Sample[] {
    return this.#cells;
  }
}

/** One count; whoever counts adds to `value`. */
export interface Cell {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}
