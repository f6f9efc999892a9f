/** `npm run soak`: builds, then the proxy and a control plane at load with random faults for SOAK_SECONDS (600 by default). */
import { bin, installIfStale, run } from './lib/run.mjs';

await installIfStale();
const seconds = process.env['SOAK_SECONDS'] ?? '600';
if (!/^[0-9]+$/.test(seconds) || seconds === '0') {
  console.error('SOAK_SECONDS must be a whole number of seconds');
  process.exit(2);
}
const built = await run(process.execPath, ['scripts/build.mjs']);
if (built !== 0) process.exit(built);
process.exit(await run(bin('vitest'), ['run', 'test/soak'], { env: { ...process.env, SOAK_SECONDS: seconds } }));
