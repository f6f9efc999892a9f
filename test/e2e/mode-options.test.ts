import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withFolder } from '../support/folder.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';

const CA_PEM = makeTlsIdentity(['localhost']).caPem;
const BUILT = existsSync('dist/sidekey.js');

/** `sidekey proxy` with these options, which make it end before it speaks to any control plane. */
async function proxy(folder: string, program: string, ...options: string[]): Promise<ProcessEnd> {
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, CA_PEM);
  const link = ['--control-plane', '127.0.0.1:1', '--control-plane-ca', ca, '--evidence', `oidc=${ca}`];
  return runProcess([process.execPath, program, 'proxy', ...link, '--listen', '0', ...options], {
    PATH: process.env['PATH'],
    HOME: folder,
  });
}

describe.skipIf(!BUILT)('the options of the modes (they need dist/: npm run build)', () => {
  it.each([
    [['--listen', '0.0.0.0:0'], '0.0.0.0:0 is reachable from other machines'],
    [['--local', '127.0.0.1:0'], 'use ADDRESS=HOST[:PORT]'],
    [['--local', '127.0.0.1:0=exa!mple'], 'is no host with an optional port'],
    [['--local', 'unix:=api.example.com'], 'use ADDRESS=HOST[:PORT]'],
    [['--local', 'unix:/proc/version=api.example.com'], '/proc/version exists and is not a socket'],
    [['--refuse-port', '70000'], 'use a number from 1 to 65535'],
    [['--allow-uid', 'root'], 'use a number from 0 to'],
    [['--drain-seconds', '30s'], 'use a number from 0 to 86400'],
    [['--self-test'], 'give --transparent too'],
  ])('%j is refused with what to do', async (options, message) => {
    await withFolder(async (folder) => {
      const end = await proxy(folder, 'dist/sidekey.js', ...options);
      expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
    });
  });

  it.each([
    ['--transparent', '0', 'transparent mode'],
    ['--local', 'unix:api.sock=api.example.com', 'a check of callers on a unix socket'],
  ])('%s says that it needs koffi where that is missing', async (option, value, what) => {
    await withFolder(async (folder) => {
      cpSync('dist', join(folder, 'dist'), {
        recursive: true,
        filter: (source) => !/node_modules\/(koffi|@koromix)/.test(source),
      });
      const given = value.replace('api.sock', join(folder, 'api.sock'));
      const end = await proxy(folder, join(folder, 'dist/sidekey.js'), option, given, '--allow-uid', '0');
      expect(end).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`${what} needs the optional package koffi`),
      });
    });
  });
});
