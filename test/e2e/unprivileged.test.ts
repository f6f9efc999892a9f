import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';

const NOBODY = '65534';
/** Root may read everything, so a command is run by somebody else. */
const canBeNobody =
  process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0 && existsSync('dist/sidekey.js');

describe.skipIf(!canBeNobody)('commands of a user who may not (needs root, setpriv and dist/)', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-nobody-'));
    await chmod(folder, 0o755);
    const pem = toPem(createRootAuthority('nobody').certificateDer);
    for (const name of ['ca.pem', 'token']) await writeFile(join(folder, name), pem, { mode: 0o644 });
    await writeFile(join(folder, 'secret'), 'x\n', { mode: 0o600 });
    await mkdir(join(folder, 'closed'), { mode: 0o700 });
    await writeFile(join(folder, 'closed', 'context.json'), '{}');
    // By a proxy of another user.
    await mkdir(join(folder, 'left', 'default@127.0.0.1:1'), { recursive: true, mode: 0o700 });
    await chmod(join(folder, 'left'), 0o777);
    await mkdir(join(folder, 'open'));
    await chmod(join(folder, 'open'), 0o777);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** FOLDER in an argument or a value is the test's own. */
  function sidekey(args: string, env: NodeJS.ProcessEnv = {}): Promise<ProcessEnd> {
    const fill = (text: string): string => text.replaceAll('FOLDER', folder);
    const filled = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value ?? '')]));
    const as = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', process.execPath];
    const home = { PATH: process.env['PATH'], HOME: join(folder, 'open') };
    return runProcess(
      [...as, 'dist/sidekey.js', ...fill(args).split(' ')],
      { ...home, ...filled },
      { timeoutMs: 90_000 },
    );
  }

  const PROXY = 'proxy --control-plane 127.0.0.1:1 --control-plane-ca FOLDER/ca.pem --evidence oidc=FOLDER/token';
  it.each([
    ['get sessions', { SIDEKEY_HOME: 'FOLDER/closed' }, 'FOLDER/closed/context.json cannot be read: EACCES'],
    ['get sessions', { SIDEKEY_HOME: '/dev/null/x' }, 'no control plane: give --server'],
    [
      'get sessions --server https://127.0.0.1:1 --token-file FOLDER/secret',
      { SIDEKEY_HOME: 'FOLDER/closed' },
      '--token-file: cannot read FOLDER/secret: EACCES',
    ],
    ['control-plane --data-dir FOLDER/closed/data', {}, 'cannot keep data in FOLDER/closed/data: EACCES'],
    ['control-plane', { SIDEKEY_HOME: '/proc/self/x' }, 'cannot keep data in /proc/self/x/control-plane: ENOENT'],
    [
      'control-plane --data-dir FOLDER/open/cp --sealing-key-file FOLDER/secret',
      {},
      'cannot read the sealing keys in FOLDER/secret: EACCES',
    ],
    [
      `${PROXY} --listen 127.0.0.1:0 --admin FOLDER/closed/admin.sock`,
      {},
      'cannot listen on FOLDER/closed/admin.sock: EACCES',
    ],
    [
      `${PROXY} --listen 127.0.0.1:0 --ca-file FOLDER/closed/ca.pem`,
      {},
      '--ca-file: cannot write FOLDER/closed/ca.pem: EACCES',
    ],
    [`${PROXY} --listen 127.0.0.1:0 --spool-dir FOLDER/closed/spool`, {}, 'the spool directory cannot be used: EACCES'],
    [`${PROXY} --listen 127.0.0.1:0 --spool-dir FOLDER/left`, {}, 'the spool directory cannot be used: EACCES'],
  ])('%s %j', async (args, env, expected) => {
    const { code, stderr } = await sidekey(args, env);
    expect([code, stderr]).toEqual([2, expect.stringContaining(expected.replaceAll('FOLDER', folder))]);
  });

  it.each([
    ['get sessions', 'no control plane: give --server'],
    ['get sessions --server https://127.0.0.1:1', 'no administrator token: give --token-file'],
    ['dev', 'this user has no home folder: set SIDEKEY_HOME (no-home)'],
  ])('a user of no HOME and no entry in passwd: %s', async (args, expected) => {
    const as = ['setpriv', '--reuid', '54321', '--regid', NOBODY, '--clear-groups', process.execPath];
    const { code, stderr } = await runProcess([...as, 'dist/sidekey.js', ...args.split(' ')], {});
    expect([code, stderr]).toEqual([2, expect.stringContaining(expected)]);
  });
});
