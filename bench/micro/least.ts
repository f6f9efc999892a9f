const SLICES = Number(process.env['SLICES'] ?? 60);
const SLICE_MS = 4;

export interface MicroCase {
  readonly name: string;
  readonly run: () => void;
}

/** Runs them in turns and prints what each took, in microseconds, in the least of many slices. */
export function printLeast(cases: readonly MicroCase[]): void {
  for (const { run } of cases) for (let at = 0; at < 30; at += 1) run();
  const rows = cases.map((one) => ({
    ...one,
    times: Math.max(1, Math.round((SLICE_MS * 1000) / microseconds(one.run, 3))),
    least: Infinity,
  }));
  for (let round = 0; round < SLICES; round += 1) {
    for (const row of rows) row.least = Math.min(row.least, microseconds(row.run, row.times));
  }
  for (const { name, least } of rows) process.stdout.write(`${least.toFixed(2).padStart(9)} us  ${name}\n`);
}

/** Of one run, of so many. */
function microseconds(run: () => void, times: number): number {
  const start = process.hrtime.bigint();
  for (let at = 0; at < times; at += 1) run();
  return Number(process.hrtime.bigint() - start) / 1000 / times;
}
