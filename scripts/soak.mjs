/** `npm run soak`: builds, then the proxy and a control plane at load with random faults for SOAK_SECONDS (600 by default). */
import { bin, installIfStale, readSeconds, run } from './lib/run.mjs';

await installIfStale();
const seconds = readSeconds('SOAK_SECONDS', 600);
const built = await run(process.execPath, ['scripts/build.mjs']);
if (built !== 0) process.exit(built);
process.exit(
  await run(bin('vitest'), ['run', 'test/soak'], { env: { ...process.env, SOAK_SECONDS: String(seconds) } }),
);
