/** The same in every `npm test`, so that it tells of the change and not of luck; `npm run fuzz` draws another. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** For fast-check, in a file with so many properties: as many runs of each as fit into its share of FUZZ_SECONDS, which is 5 if unset. */
export function timeBox(properties = 1) {
  const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5) / properties;
  const runs = {
    seed: FUZZ_SEED,
    numRuns: 1_000_000,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  } as const;
  return { seconds, runs };
}
