/** `npm run fuzz`: the fuzz targets, each for FUZZ_SECONDS (60 by default). */
import { bin, installIfStale, readSeconds, run } from './lib/run.mjs';

await installIfStale();
const seconds = readSeconds('FUZZ_SECONDS', 60);
const timeout = String((seconds + 60) * 1000);
process.exit(
  await run(bin('vitest'), ['run', 'test/fuzz', '--test-timeout', timeout], {
    env: { ...process.env, FUZZ_SECONDS: String(seconds) },
  }),
);
