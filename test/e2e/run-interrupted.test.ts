import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BreakableRelay, startBreakableRelay } from '../support/upstreams/breakable-relay.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

describe.skipIf(!existsSync('dist/sidekey.js'))('`run` that is interrupted (needs dist/: npm run build)', () => {
  let world: World;
  let relay: BreakableRelay;
  beforeAll(async () => {
    world = await World.start();
    relay = await startBreakableRelay(Number(world.controlPlane.grpcAddress.split(':')[1]));
  });
  afterAll(async () => {
    await relay.close();
    await world.close();
  });

  it('Ctrl-C while it delivers its last records leaves them to the next', { timeout: 60_000 }, async () => {
    const evidence = join(world.folder, 'evidence');
    const spool = join(world.folder, 'spool');
    await world.writeEvidence(evidence);
    const get = `curl -s -o /dev/null -w '%{http_code}\\n' ${world.api.url}/v1/items`;
    const child = spawn(
      process.execPath,
      [
        ['dist/sidekey.js', 'run', '--isolation', 'off', '--control-plane', `127.0.0.1:${relay.port}`],
        ['--control-plane-ca', join(world.folder, 'control-plane-ca.pem'), '--evidence', `oidc=${evidence}`],
        ['--spool-dir', spool, '--', 'bash', '-c', `${get}; read; ${get}; echo ends $$`],
      ].flat(),
      { env: { PATH: process.env['PATH'], HOME: world.folder }, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    let output = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    const ended = new Promise<unknown>((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
    await until('a call is answered', () => output === '200\n', 30_000);
    // The control plane is there, and takes nothing more.
    relay.strike('stalls');
    child.stdin.end('\n');
    await until('the agent ends', () => output.startsWith('200\n200\nends '), 10_000);
    await until('it is gone', () => !existsSync(`/proc/${output.split(' ')[1]?.trim() ?? ''}`), 10_000);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    const files = readdirSync(spool, { recursive: true, encoding: 'utf8' });
    expect(files.filter((name) => name.endsWith('.records'))).toHaveLength(1);
  });
});
