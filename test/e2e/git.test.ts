import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, startGitServer } from '../support/upstreams/git-server.ts';
import { until } from '../support/until.ts';
import { loopbackServer } from '../support/worlds/world-policy.ts';
import { World } from '../support/worlds/world.ts';

const PRESENT = existsSync('dist/sidekey.js') && spawnSync('git', ['--version']).status === 0;
const PASSWORD = randomBytes(18).toString('base64url');

describe.skipIf(!PRESENT)('git behind `sidekey run` (it needs dist/ and git)', () => {
  let world: World;
  let server: GitServer;
  beforeAll(async () => {
    world = await World.start();
    server = await startGitServer(join(world.folder, 'git'), 'builder', PASSWORD);
    await world.apply(
      ['ServerWorkload', 'git', loopbackServer(server)],
      ['CredentialProvider', 'git-password', { type: 'static', secret: { value: PASSWORD } }],
      [
        'AccessPolicy',
        'agent-reads-git',
        {
          clientWorkload: 'agent',
          serverWorkload: 'git',
          rules: [
            { methods: ['GET'], paths: ['/project.git/**'] },
            { methods: ['POST'], paths: ['/project.git/git-upload-pack'] },
          ],
          credentials: [{ provider: 'git-password', inject: { type: 'basic', username: 'builder' } }],
        },
      ],
    );
    await until('the new route arrives', () => world.proxy.client.routes().length === 2);
  });
  afterAll(async () => {
    await world.close();
    await server.close();
  });

  it('clones a repository that demands a password, without holding one', async () => {
    const target = join(world.folder, 'clone');
    const end = await world.agent(['git', 'clone', '--quiet', server.repository, target]);
    expect(end).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readFile(join(target, 'README.md'), 'utf8')).toBe('hello from the repository\n');
    expect((await readFile(join(target, 'noise'))).length).toBe(400_000);
    expect(server.calls.filter((call) => call.startsWith('401'))).toEqual([]);
  });

  it('may not push: that is not in the policy', async () => {
    const target = join(world.folder, 'clone');
    const before = server.calls.length;
    const end = await world.agent(
      [
        'git',
        '-C',
        target,
        '-c',
        'user.name=A',
        '-c',
        'user.email=a@example.com',
        'commit',
        '--quiet',
        '--allow-empty',
        '-m',
        'Second',
      ],
      { GIT_TERMINAL_PROMPT: '0' },
    );
    expect(end.code).toBe(0);
    const push = await world.agent(['git', '-C', target, 'push', '--quiet'], { GIT_TERMINAL_PROMPT: '0' });
    expect(push.code).not.toBe(0);
    expect(push.stderr).toContain('403');
    expect(server.calls.slice(before).filter((call) => call.endsWith('/git-receive-pack'))).toEqual([]);
  });

  it('without Sidekey the repository is closed', async () => {
    const { runProcess } = await import('../support/process.ts');
    const end = await runProcess(['git', '-c', 'http.sslVerify=false', 'ls-remote', server.repository], {
      PATH: process.env['PATH'],
      HOME: world.folder,
      GIT_TERMINAL_PROMPT: '0',
    });
    expect(end.code).not.toBe(0);
  });
});
