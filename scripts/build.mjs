/** Builds dist/: the bundles with esbuild, the policy client's type declarations with tsc. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { build } from 'esbuild';
import { EXTERNAL } from './lib/external.mjs';
import { bin, root, run } from './lib/run.mjs';

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
  });
  // Loaded by --require into agents that run on an older Node.
  await build({
    ...shared,
    banner: {},
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    entryPoints: { 'node-preload': 'cli/node-preload.ts' },
  });
  await build({
    ...shared,
    entryPoints: {
      proxy: 'proxy/main.ts',
      'control-plane': 'control-plane/main.ts',
      'policy-client': 'policy-client/index.ts',
    },
  });
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
  for (const name of ['sidekey', 'proxy', 'control-plane', 'policy-client']) {
    const bytes = statSync(`${root}dist/${name}.js`).size;
    console.log(`dist/${name}.js  ${(bytes / 1024).toFixed(0)} KB`);
  }
}
process.exit(code);
