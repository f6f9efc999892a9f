/** `npm run check`: types, lint with import arrows, formatting, dead code, the contract and its generated code. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bin, capture, installIfStale, root } from './lib/run.mjs';

await installIfStale();

const checks = [
  ['types', bin('tsc'), ['--noEmit', '-p', '.']],
  ['lint and import arrows', bin('oxlint'), ['--type-aware', '--deny-warnings', '.']],
  ['formatting', bin('biome'), ['format', '.']],
  ['dead code', bin('knip'), ['--no-progress']],
  ['contract', bin('buf'), ['lint']],
];

let failed = 0;
for (const [name, command, args] of checks) {
  report(name, await capture(command, args));
}
report('generated code', await compareGeneratedCode());
console.log(`${checks.length + 1 - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function report(name, { code, output }) {
  if (code !== 0) failed += 1;
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name}`);
  if (code !== 0) console.log(output.trim());
}

/** proto/gen must be what the generator makes of proto/sidekey today. */
async function compareGeneratedCode() {
  const folder = mkdtempSync(join(root, '.tmp-generated-'));
  try {
    const made = await capture(process.execPath, ['scripts/generate.mjs', '--into', folder]);
    if (made.code !== 0) return made;
    return await capture('diff', ['-r', '-q', join(root, 'proto/gen'), folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
