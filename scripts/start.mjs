/** `npm start`: installs, builds, runs the demonstration and stays up; `-- --once` runs it and ends. */
import { installIfStale, run } from './lib/run.mjs';

await installIfStale();
if (process.env['SIDEKEY_SKIP_BUILD'] !== '1') {
  const built = await run(process.execPath, ['scripts/build.mjs']);
  if (built !== 0) process.exit(built);
}
process.exit(
  await run(process.execPath, [
    '--no-warnings=ExperimentalWarning',
    'examples/demo/demo.mjs',
    ...process.argv.slice(2),
  ]),
);
