import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { ROUTE } from '../../support/policy-client.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

it('the example attests, asks twice and prints no credential', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sidekey-example-'));
  const plane = new FakeControlPlane();
  plane.snapshot = { routes: [ROUTE] };
  await plane.start();
  try {
    const outfile = join(ROOT, 'dist/test/ask.mjs');
    const entryPoints = [join(ROOT, 'examples/policy-client/ask.ts')];
    await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
    writeFileSync(join(dir, 'ca.pem'), plane.caPem);
    writeFileSync(join(dir, 'token'), 'evidence');
    const output = await run(outfile, {
      SIDEKEY_ADDRESS: plane.address,
      SIDEKEY_CA_FILE: join(dir, 'ca.pem'),
      SIDEKEY_TENANT: 'acme',
      SIDEKEY_EVIDENCE_FILE: join(dir, 'token'),
    });
    expect(output).toBe(`attested as agent
allowed by agent-to-api with api-token
allowed by agent-to-api with api-token, from the cache
`);
  } finally {
    plane.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});

/** What the program printed, errors included. */
function run(program: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'https://api.example.com/items'], { env });
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
