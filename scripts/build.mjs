/** Builds dist/: the bundles with esbuild, the policy client's type declarations with tsc. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { EXTERNAL, proxyBundleAt } from './lib/external.mjs';
import { bin, installIfStale, root, run } from './lib/run.mjs';

await installIfStale();
// Not before it is installed.
const { build } = await import('esbuild');

// Built apart and put in place at the end, so that what runs from dist/ never finds half of it.
const DRAFT = `.tmp-dist-${process.pid}`;

const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  outdir: DRAFT,
  external: EXTERNAL,
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { __SIDEKEY_VERSION__: JSON.stringify(version) },
  // CommonJS dependencies ask for Node's own modules by `require`.
  banner: {
    js: "import{createRequire as sidekeyCreateRequire}from'node:module';const require=sidekeyCreateRequire(import.meta.url);",
  },
};

/** The CLI loads each command when it is called; what commands share lies in chunks. */
async function buildBundles() {
  await build({
    ...shared,
    entryPoints: { sidekey: 'cli/main.ts' },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    // Who asks for it lies in a chunk.
    plugins: [proxyBundleAt('../proxy.js')],
  });
  // Loaded by --require into agents that run on an older Node.
  await build({
    ...shared,
    banner: {},
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    entryPoints: { 'node-preload': 'cli/agent/node-preload.ts' },
  });
  await build({
    ...shared,
    entryPoints: {
      proxy: 'proxy/bundled.ts',
      // A thread of `sidekey run`.
      'agent-thread': 'cli/agent/agent-thread.ts',
      'control-plane': 'control-plane/main.ts',
      'policy-client': 'policy-client/index.ts',
    },
  });
}

/**
 * The proxy as a CommonJS module in its function: V8 keeps no code of ES modules. Strict, as those are, and without
 * `import()`, for which code from a cache would need Node 21. See common/code-cache.ts.
 */
async function buildCompiledProxy() {
  await build({
    ...shared,
    banner: {
      js: "(function(exports,require,module,__filename,__dirname){'use strict';const sidekeyUrl=require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: '})' },
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    entryPoints: { proxy: 'proxy/main.ts' },
    define: { ...shared.define, 'import.meta.url': 'sidekeyUrl' },
    supported: { 'dynamic-import': false },
  });
  // It is read as Latin-1, which a start is done with sooner; esbuild leaves other letters in regular expressions.
  if (readFileSync(`${root}${DRAFT}/proxy.cjs`).some((byte) => byte > 0x7f)) throw new Error('proxy.cjs is not ASCII');
  // Without NODE_OPTIONS: code for V8 with other flags than a plain `node` has would be refused there.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const warm = await run(process.execPath, ['scripts/lib/warm-proxy.mjs', `${root}${DRAFT}/proxy.js`], { env });
  if (warm !== 0) throw new Error('the proxy that was built does not start');
}

/** Puts what the bundles load at run time into dist/node_modules, so that dist/ runs by itself. */
function copyExternals() {
  for (const name of ['@electric-sql/pglite', 'koffi', `@koromix/koffi-${process.platform}-${process.arch}`]) {
    const from = `${root}node_modules/${name}`;
    if (!existsSync(from)) continue;
    cpSync(from, `${root}${DRAFT}/node_modules/${name}`, {
      recursive: true,
      filter: (source) => !/\.(map|d\.ts|d\.cts|tar\.gz|md|cc|hh|inc|S|asm)$|\/(vendor|doc)$/.test(source),
    });
  }
}

async function buildDeclarations() {
  return run(bin('tsc'), ['-p', 'tsconfig.declarations.json', '--outDir', `${DRAFT}/types`]);
}

let code = 1;
try {
  await buildBundles();
  await buildCompiledProxy();
  copyExternals();
  code = await buildDeclarations();
  const old = `${DRAFT}-old`;
  if (existsSync(`${root}dist`)) renameSync(`${root}dist`, `${root}${old}`);
  renameSync(`${root}${DRAFT}`, `${root}dist`);
  rmSync(`${root}${old}`, { recursive: true, force: true });
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  rmSync(`${root}${DRAFT}`, { recursive: true, force: true });
}
if (code === 0) {
  for (const name of ['sidekey.js', 'proxy.cjs', 'proxy.cjs.cache', 'control-plane.js', 'policy-client.js']) {
    const bytes = statSync(`${root}dist/${name}`).size;
    console.log(`dist/${name}  ${(bytes / 1024).toFixed(0)} KB`);
  }
}
process.exit(code);
