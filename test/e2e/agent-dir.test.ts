import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const WAIT_MS = 60_000;

describe.skipIf(!existsSync('dist/sidekey.js'))(
  'a proxy that describes itself to its agents (needs dist/: npm run build)',
  () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start();
      const at = { clientWorkload: 'agent', serverWorkload: 'other', trust: ['world'] };
      await world.apply(
        ['ServerWorkload', 'other', { hosts: ['other.test'] }],
        [
          'CredentialProvider',
          'other-key',
          { type: 'static', secret: { value: 'real-secret-of-other' }, replaces: ['OTHER_SECRET'] },
        ],
        ['AccessPolicy', 'other', { ...at, credentials: [{ provider: 'other-key', inject: PLACEHOLDER }] }],
      );
    }, WAIT_MS);
    afterAll(() => world.close());

    it('gives them its placeholders, and removes what policy names, until it is gone', {
      timeout: 3 * WAIT_MS,
    }, async () => {
      const agentDir = join(world.folder, 'agent');
      const evidence = join(world.folder, 'evidence');
      await world.writeEvidence(evidence);
      const env = { PATH: process.env['PATH'], HOME: world.folder, OTHER_SECRET: 'hunter2' };
      const run = (...command: string[]): Promise<ProcessEnd> =>
        runProcess([process.execPath, 'dist/sidekey.js', 'run', '--agent-dir', agentDir, '--', ...command], env);

      expect(await run('env')).toMatchObject({ code: 2, stderr: expect.stringContaining('none has left word') });
      const options = ['--listen', '127.0.0.1:0', '--spool-dir', join(world.folder, 'spool'), '--log-level', 'warn'];
      const plane = ['--control-plane', world.controlPlane.grpcAddress, '--control-plane-ca'];
      const identity = [join(world.folder, 'control-plane-ca.pem'), '--evidence', `oidc=${evidence}`];
      const proxy = spawn(
        process.execPath,
        ['dist/sidekey.js', 'proxy', ...plane, ...identity, ...options, '--agent-dir', agentDir],
        { env, stdio: 'ignore' },
      );
      const ended = new Promise((resolve) => proxy.once('close', resolve));
      try {
        await until('it left word', () => existsSync(join(agentDir, 'proxy-url')), WAIT_MS);
        const shown = await run('env');
        expect(shown.stdout).not.toContain('hunter2');
        expect(shown.stderr).toContain('OTHER_SECRET');
        expect(shown.stdout).toMatch(/^OTHER_KEY=sk_placeholder_/m);
        expect((await run('curl', '-sS', `${world.api.url}/v1/items`)).stdout).toContain('first');
      } finally {
        proxy.kill('SIGKILL');
        await ended;
      }
      expect(await run('true')).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('no proxy listens at http://127.0.0.1:'),
      });
    });
  },
);

const PLACEHOLDER = { type: 'placeholder', environment: 'OTHER_KEY', in: 'header', name: 'Authorization' };
