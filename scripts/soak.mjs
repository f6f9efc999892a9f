/** `npm run soak`: the proxy at load with random faults for SOAK_SECONDS (600 by default). */
import { bin, installIfStale, run } from './lib/run.mjs';

await installIfStale();
const seconds = process.env['SOAK_SECONDS'] ?? '600';
if (!/^[0-9]+$/.test(seconds) || seconds === '0') {
  console.error('SOAK_SECONDS must be a whole number of seconds');
  process.exit(2);
}
process.exit(await run(bin('vitest'), ['run', 'test/soak'], { env: { ...process.env, SOAK_SECONDS: seconds } }));
