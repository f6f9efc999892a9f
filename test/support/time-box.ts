/** For fast-check, in a file with so many properties: as many runs of each as fit into its share of FUZZ_SECONDS, which is 5 if unset. */
export function timeBox(properties = 1) {
  const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5) / properties;
  const runs = { numRuns: 1_000_000, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false } as const;
  return { seconds, runs };
}
