import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, startGitServer } from '../support/upstreams/git-server.ts';
import { runProcess } from '../support/process.ts';
import { grant, type ProxyWorld, routeTo, startProxyWorld } from '../support/worlds/proxy-world.ts';

const NOISE_BYTES = 200_000_000;
const PASSWORD = randomBytes(18).toString('base64url');
const LIMIT = { timeoutMs: 120_000 };

describe.skipIf(spawnSync('git', ['--version']).status !== 0)(
  'a repository of 200 MB through the proxy (it needs git)',
  () => {
    let world: ProxyWorld;
    let server: GitServer;
    let folder: string;
    let env: NodeJS.ProcessEnv;
    const git = (...args: string[]) => runProcess(['git', '-c', 'core.compression=0', ...args], env, LIMIT);

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sidekey-git-'));
      server = await startGitServer(join(folder, 'server'), 'builder', PASSWORD, NOISE_BYTES);
      world = await startProxyWorld({
        routes: () => [routeTo(server)],
      });
      const password = Buffer.from(PASSWORD);
      world.client.decide = (question) =>
        grant(question, { kind: { $case: 'basic', value: { username: 'builder', password } } });
      const ca = join(folder, 'ca.pem');
      await writeFile(ca, world.proxy.caPem ?? '');
      env = {
        PATH: process.env['PATH'],
        HOME: folder,
        https_proxy: `http://127.0.0.1:${world.proxy.address.port}`,
        GIT_SSL_CAINFO: ca,
        GIT_TERMINAL_PROMPT: '0',
      };
    }, 120_000);
    afterAll(async () => {
      await world.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('is cloned whole, and pushed whole', { timeout: 240_000 }, async () => {
      const clone = join(folder, 'clone');
      expect(await git('clone', '--quiet', server.repository, clone)).toEqual({ code: 0, stdout: '', stderr: '' });
      expect((await stat(join(clone, 'noise'))).size).toBe(NOISE_BYTES);
      const target = server.repository.replace('project.git', 'empty.git');
      expect(await git('-C', clone, 'push', '--quiet', target, 'HEAD:refs/heads/main')).toMatchObject({ code: 0 });
      const ids = await Promise.all(
        ['project.git', 'empty.git'].map((name) =>
          git(`--git-dir=${join(folder, 'server', name)}`, 'rev-parse', 'main'),
        ),
      );
      expect(ids[0]?.stdout).toMatch(/^[0-9a-f]{40}\n$/);
      expect(ids[1]?.stdout).toBe(ids[0]?.stdout);
      expect(server.calls.filter((call) => !call.startsWith('200'))).toEqual([]);
    });
  },
);
