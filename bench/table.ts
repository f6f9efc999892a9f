export interface Row {
  readonly forwarder: string;
  readonly protocol: string;
  readonly bytes: number;
  cpuUs: number;
  requests: number;
  seconds: number;
  readonly latenciesMs: number[];
}

const BASELINE = 'node:http + undici';

/** Ratios are against the baseline of the same protocol and size in the same run; absolute times are this machine's. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [
    ['protocol', 'answer', 'forwarder', 'CPU us/request', 'ratio', 'requests/s', 'added p50 ms', 'added p99 ms'],
    ...rows.map((row) => {
      const same = rows.filter((other) => other.protocol === row.protocol && other.bytes === row.bytes);
      const baseline = same.find((other) => other.forwarder === BASELINE);
      const direct = same.find((other) => other.forwarder === 'direct');
      const cpu = row.cpuUs / Math.max(1, row.requests);
      const baselineCpu = baseline === undefined ? Number.NaN : baseline.cpuUs / Math.max(1, baseline.requests);
      const added = (share: number): string =>
        direct === undefined || direct === row
          ? '-'
          : (quantile(row.latenciesMs, share) - quantile(direct.latenciesMs, share)).toFixed(2);
      return [
        row.protocol,
        String(row.bytes),
        row.forwarder,
        row.forwarder === 'direct' ? '-' : cpu.toFixed(1),
        row.forwarder === 'direct' ? '-' : (cpu / baselineCpu).toFixed(2),
        (row.requests / row.seconds).toFixed(0),
        added(0.5),
        added(0.99),
      ];
    }),
  ];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
