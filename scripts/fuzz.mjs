/** `npm run fuzz`: the fuzz targets, each for FUZZ_SECONDS (60 by default). */
import { bin, installIfStale, run } from './lib/run.mjs';

await installIfStale();
const seconds = process.env['FUZZ_SECONDS'] ?? '60';
if (!/^[0-9]+$/.test(seconds) || seconds === '0') {
  console.error('FUZZ_SECONDS must be a whole number of seconds');
  process.exit(2);
}
const timeout = String((Number(seconds) + 60) * 1000);
process.exit(
  await run(bin('vitest'), ['run', 'test/fuzz', '--test-timeout', timeout], {
    env: { ...process.env, FUZZ_SECONDS: seconds },
  }),
);
