/** The same in every `npm test`, so that it tells of the change and not of luck; `npm run fuzz` draws another. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** For each target. */
export const FUZZ_SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 3);

/** For fast-check, in a file with so many properties: as many runs of each as fit into its share of FUZZ_SECONDS. */
export function timeBox(properties = 1) {
  const seconds = FUZZ_SECONDS / properties;
  const runs = {
    seed: FUZZ_SEED,
    numRuns: 1_000_000,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  } as const;
  return { seconds, runs };
}
