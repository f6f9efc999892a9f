import type { Report } from './bench.ts';
import type { Measured, Sums } from './measure.ts';

const NGINX = /^nginx$/;
/** What one would write with node:http, or node:http2 where that is the protocol, on the Node of this run. */
const NODE = /^node:http( \+ undici|2)$/;

export interface CpuColumns {
  /** What is counted, such as "request". */
  readonly unit: string;
  /** Adds the latencies of the paced load over those of the straight way. */
  readonly latency?: boolean;
  readonly resumed?: boolean;
}

/** CPU a unit, and its ratio to two baselines of the same run; absolute times are this machine's and this hour's. */
export function cpuReport(title: string, results: readonly Measured[], columns: CpuColumns): Report {
  const { unit } = columns;
  const baseline = (name: RegExp): number => {
    const found = results.find((result) => name.test(result.name) && result.state === 'measured');
    return found?.state === 'measured' ? cpuOf(found) : Number.NaN;
  };
  const nginx = baseline(NGINX);
  const node = baseline(NODE);
  const direct = results.find((result) => result.name === 'direct');
  return {
    title,
    columns: [
      'forwarder',
      `CPU us/${unit}`,
      'vs nginx',
      'vs node',
      `${unit}s/s`,
      ...(columns.resumed === true ? ['resumed'] : []),
      ...(columns.latency === true ? ['added p50 ms', 'added p99 ms'] : []),
    ],
    lines: results.flatMap((result) => {
      if (result.state === 'missing') return [];
      const straight = result.name === 'direct';
      const cpu = cpuOf(result);
      const added = (share: number): string =>
        straight || direct?.state !== 'measured'
          ? '-'
          : (quantile(result.latenciesMs, share) - quantile(direct.latenciesMs, share)).toFixed(2);
      const cells = [
        result.name,
        straight ? '-' : cpu.toFixed(1),
        straight ? '-' : ratio(cpu, nginx),
        straight ? '-' : ratio(cpu, node),
        (result.units / result.seconds).toFixed(0),
        ...(columns.resumed === true ? [`${((100 * result.resumed) / result.units).toFixed(0)} %`] : []),
        ...(columns.latency === true ? [added(0.5), added(0.99)] : []),
      ];
      return [cells];
    }),
    notes: missingOf(results),
  };
}

/** Those that were not measured, gathered by reason. */
function missingOf(results: readonly Measured[]): string[] {
  const names = new Map<string, string[]>();
  for (const result of results) {
    if (result.state === 'missing') names.set(result.why, [...(names.get(result.why) ?? []), result.name]);
  }
  return [...names].map(([why, those]) => `${those.join(', ')}: ${why}`);
}

export function cpuOf(sums: Sums): number {
  return sums.cpuUs / Math.max(1, sums.units);
}

export function ratio(value: number, base: number): string {
  return Number.isFinite(value / base) ? (value / base).toFixed(2) : '-';
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A line of one word more than the name is a reason, and may run over the columns. */
export function formatReport(report: Report): string {
  const whole = [report.columns, ...report.lines.filter((line) => line.length > 2 || report.columns.length === 2)];
  const names = Math.max(...report.lines.map((line) => line[0]?.length ?? 0));
  const widths = report.columns.map((_, column) =>
    Math.max(column === 0 ? names : 0, ...whole.map((line) => line[column]?.length ?? 0)),
  );
  const lines = [report.columns, ...report.lines].map((line) =>
    `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  const notes = (report.notes ?? []).map((note) => `  ${note}`);
  return `${[report.title, ...lines, ...notes].join('\n')}\n`;
}
