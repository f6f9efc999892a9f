/** `npm run bench`: builds the bench programs and runs them; the table goes to bench/results/. */
import { readdirSync, readFileSync } from 'node:fs';
import { EXTERNAL, proxyBundleAt } from './lib/external.mjs';
import { installPrograms } from './lib/programs.mjs';
import { installIfStale, root, run } from './lib/run.mjs';

const BASELINES = [
  ['nginx', ['-v'], 'nginx'],
  ['haproxy', ['-v'], 'haproxy'],
  ['/usr/lib/squid/security_file_certgen', ['-h'], 'squid-openssl'],
  ['mitmdump', ['--version'], 'mitmproxy'],
];

await installIfStale();
// Not before it is installed.
const { build } = await import('esbuild');
// The one that the shipped proxy was built with.
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const profiled = process.argv.includes('--profile');
const quick = process.argv.includes('--help') || process.env['BENCH_INSTALL'] === '0';
if (!quick) await installPrograms(BASELINES, (names) => `rows of ${names} will say "not installed"`);
if (process.env['SIDEKEY_SKIP_BUILD'] !== '1' && (await run(process.execPath, [`${root}scripts/build.mjs`])) !== 0)
  process.exit(1);
await build({
  absWorkingDir: root,
  entryPoints: [
    'bench/main.ts',
    'bench/control-plane.ts',
    'bench/upstream/main.ts',
    'bench/load/agent.ts',
    'bench/starter.ts',
    ...readdirSync(`${root}bench/forwarders`).map((name) => `bench/forwarders/${name}`),
  ],
  outdir: 'dist/bench',
  outbase: 'bench',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  external: EXTERNAL,
  logLevel: 'warning',
  // As shipped, and the proxy a copy of what was shipped (bench/baselines/node.ts); a profile reads file names from comments, so
  // there it is built in.
  minifySyntax: true,
  minifyWhitespace: !profiled,
  plugins: profiled ? [] : [proxyBundleAt('../proxy.js')],
  define: { __SIDEKEY_VERSION__: JSON.stringify(version) },
  banner: {
    js: "import{createRequire as benchCreateRequire}from'node:module';const require=benchCreateRequire(import.meta.url);",
  },
});
// Node 20 reads all of that file, and its own authorities, at every start: 48 ms with Debian's, of a bare server too.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
process.exit(await run(process.execPath, [`${root}dist/bench/main.js`, ...process.argv.slice(2)], { env }));
