/** `npm run fuzz`: the fuzz targets, each for FUZZ_SECONDS (60 by default), from FUZZ_SEED on (drawn by default). */
import { randomInt } from 'node:crypto';
import { bin, installIfStale, readSeconds, run } from './lib/run.mjs';

await installIfStale();
const seconds = readSeconds('FUZZ_SECONDS', 60);
const seed = process.env['FUZZ_SEED'] ?? String(randomInt(1_000_000));
console.log(`FUZZ_SEED=${seed}`);
const timeout = String((seconds + 60) * 1000);
process.exit(
  await run(bin('vitest'), ['run', 'test/fuzz', '--test-timeout', timeout], {
    env: { ...process.env, FUZZ_SECONDS: String(seconds), FUZZ_SEED: seed },
  }),
);
