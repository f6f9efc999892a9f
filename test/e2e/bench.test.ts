import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sidekey-bench-test-'));
const out = join(folder, 'table.txt');

const BUILD_AND_RUN = 'scripts/bench.mjs';
const BUILT = 'dist/bench/main.js';
const SLACK = { timeout: 240_000 };

/** Installs nothing and runs Sidekey alone for a moment. */
function bench(program: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, '--only', 'sidekey', '--out', out, ...args], {
      env: {
        ...process.env,
        SIDEKEY_SKIP_BUILD: '1',
        BENCH_INSTALL: '0',
        BENCH_NODE: '',
        BENCH_ROUNDS: '1',
        BENCH_SLICE_MS: '100',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe.skipIf(!existsSync('dist/sidekey.js'))('npm run bench (it needs dist/)', () => {
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('measures Sidekey, checks its answers and writes the table', SLACK, async () => {
    const { code, output } = await bench(BUILD_AND_RUN, '--rows', 'http1-tls-small');
    expect(code, output).toBe(0);
    const table = readFileSync(out, 'utf8');
    expect(table).toMatch(/^node v\d+.*Linux/);
    expect(table).toMatch(/^ {2}direct +- /m);
    expect(table).toMatch(/^ {2}sidekey +\d+\.\d +- +- +\d+ /m);
  });

  it('refuses rows that it does not know', SLACK, async () => {
    const { code, output } = await bench(BUILT, '--rows', 'http9');
    expect(code).toBe(1);
    expect(output).toContain('there is no row "http9"');
  });
});
