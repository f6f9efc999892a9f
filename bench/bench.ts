import type { Child } from './child.ts';
import type { BenchWorld, Contender, Forwarder } from './forwarder.ts';
import type { BenchOptions } from './options.ts';

/** What a row gets to measure with. */
export interface Bench {
  readonly options: BenchOptions;
  readonly world: BenchWorld;
  /** In the order of the table; those that are missing here have a reason instead of a forwarder. */
  readonly field: readonly Runner[];
  readonly load: Child;
  readonly controlPlane: Child;
  /** Starts one more of a kind, for rows that need it fresh; the bench stops what is left at its end. */
  fresh(contender: Contender): Promise<Forwarder>;
}

export interface Runner {
  readonly contender: Contender;
  readonly name: string;
  readonly forwarder: Forwarder | undefined;
  readonly missing: string | undefined;
}

/** One file of bench/rows: a question that the bench answers, as a table or as lines. */
export interface Row {
  readonly name: string;
  /** For --help. */
  readonly about: string;
  measure(bench: Bench): Promise<Report>;
}

export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly lines: readonly (readonly string[])[];
  /** Under the table. */
  readonly notes?: readonly string[];
}
