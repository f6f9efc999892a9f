/** `npm run bench`: builds the bench programs and runs them; the table goes to bench/results/. */
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';
import { installIfStale, root, run } from './lib/run.mjs';

await installIfStale();
if ((await run(process.execPath, [`${root}scripts/build.mjs`])) !== 0) process.exit(1);
await build({
  absWorkingDir: root,
  entryPoints: [
    'bench/main.ts',
    'bench/upstream.ts',
    ...readdirSync(`${root}bench/forwarders`).map((name) => `bench/forwarders/${name}`),
  ],
  outdir: 'dist/bench',
  outbase: 'bench',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: ['koffi', '@electric-sql/pglite', 'pg-native'],
  logLevel: 'warning',
  define: { __SIDEKEY_VERSION__: '"bench"' },
  banner: {
    js: "import{createRequire as benchCreateRequire}from'node:module';const require=benchCreateRequire(import.meta.url);",
  },
});
process.exit(await run(process.execPath, [`${root}dist/bench/main.js`, ...process.argv.slice(2)]));
