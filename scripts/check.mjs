/**
 * `npm run check`: types, lint with import arrows, formatting, dead code, the contract, its
 * generated code and its compatibility.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
const compatibility = await compareWithPreviousContract();
if (compatibility.skipped === undefined) report('contract compatibility', compatibility);
else console.log(`skip contract compatibility: ${compatibility.skipped}`);
const ran = checks.length + (compatibility.skipped === undefined ? 2 : 1);
console.log(`${ran - failed} passed, ${failed} failed`);
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

/** Proxies and control planes of neighbouring versions talk to each other: the contract must not break that of main. */
async function compareWithPreviousContract() {
  const base = await findPreviousCommit();
  if (base === undefined) return { skipped: 'there is no git history to compare with' };
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-contract-'));
  try {
    const archive = join(folder, 'contract.tar');
    const made = await capture('git', ['archive', '--output', archive, base, 'buf.yaml', 'proto']);
    if (made.code !== 0) return { skipped: `commit ${base.slice(0, 12)} has no contract` };
    const unpacked = await capture('tar', ['-xf', archive, '-C', folder]);
    if (unpacked.code !== 0) return unpacked;
    return await capture(bin('buf'), ['breaking', '--against', folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The tip of main; on main itself, the commit before. Undefined without history, as in a tarball or a shallow clone. */
async function findPreviousCommit() {
  const head = await resolveCommit('HEAD');
  if (head === undefined) return undefined;
  const main = (await resolveCommit('main')) ?? (await resolveCommit('origin/main'));
  return main === undefined || main === head ? resolveCommit('HEAD~1') : main;
}

async function resolveCommit(name) {
  const { code, output } = await capture('git', ['rev-parse', '--verify', '--quiet', `${name}^{commit}`]);
  return code === 0 ? output.trim() : undefined;
}
