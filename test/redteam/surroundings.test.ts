import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { canScopeSignals } from '../support/landlock.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { createSigningKey } from '../../common/signing-key.ts';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const DEVELOPER = 61_340;
const AS_DEVELOPER = ['setpriv', '--reuid', String(DEVELOPER), '--regid', String(DEVELOPER), '--clear-groups'];
const WAIT_MS = 120_000;

function works(...command: readonly string[]): boolean {
  const [program = '', ...args] = [...AS_DEVELOPER, ...command];
  return spawnSync(program, args).status === 0;
}

const CAN_TRY = process.getuid?.() === 0 && existsSync(SIDEKEY) && works('test', '-r', SIDEKEY);
const CAN_HIDE = CAN_TRY && works('unshare', '--user', '--map-root-user', '--mount', 'true');

const title = 'what stands around an agent (it needs root, setpriv, and dist/ where other users can read it)';
describe.skipIf(!CAN_TRY)(title, () => {
  let home: string;
  let listener: Server;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'sidekey-surroundings-'));
    chownSync(home, DEVELOPER, DEVELOPER);
    writeFileSync(join(home, 'ca.pem'), toPem(createRootAuthority('nobody').certificateDer));
    listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    listener.close();
    rmSync(home, { recursive: true, force: true });
  });

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: home });
  const sidekey = (...args: readonly string[]): readonly string[] => [
    ...AS_DEVELOPER,
    process.execPath,
    SIDEKEY,
    ...args,
  ];
  /** An agent that is started from another folder than its control plane. */
  const run = (isolation: string, command: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<ProcessEnd> => {
    const { port } = listener.address() as AddressInfo;
    const proxy = ['--proxy', `http://127.0.0.1:${port}`, '--proxy-ca', join(home, 'ca.pem')];
    const args = sidekey('run', ...proxy, '--isolation', isolation, '--', ...command);
    return runProcess(args, { ...env(), ...more }, { cwd: '/', timeoutMs: WAIT_MS });
  };

  test(
    'A-71 what was removed from its environment is not in that of its parent either',
    async () => {
      const read = ['sh', '-c', 'cat /proc/$PPID/environ || echo refused'];
      const { stdout, stderr } = await run('off', read, { GITHUB_TOKEN: 'ghp_of-its-owner' });
      expect(stderr).toContain("removed from the agent's environment: GITHUB_TOKEN");
      expect(stdout).toBe('refused\n');
    },
    WAIT_MS,
  );

  describe.skipIf(!CAN_HIDE)('the control plane of its owner, started with --data-dir data in a folder', () => {
    let controlPlane: ChildProcess;
    const at = (name: string): string => join(home, name);
    beforeAll(async () => {
      const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
      const data = ['--data-dir', 'data', '--local-trust-socket', 'local.sock'];
      const [program = '', ...args] = sidekey('control-plane', ...listen, ...data);
      controlPlane = spawn(program, args, { env: env(), cwd: home, stdio: 'ignore' });
      await until('it is up', () => existsSync(at('.sidekey/context.json')), WAIT_MS);
    }, WAIT_MS);
    beforeAll(async () => {
      const resources = [
        { kind: 'TrustProvider', metadata: { name: 'laptop' }, spec: { type: 'local' } },
        {
          kind: 'ClientWorkload',
          metadata: { name: 'developer' },
          spec: { selectors: { all: [{ claim: 'local.uid', equals: String(DEVELOPER) }] } },
        },
      ].map((resource) => JSON.stringify({ apiVersion: 'sidekey.dev/v1', ...resource }));
      writeFileSync(at('policy.yaml'), resources.join('\n---\n'));
      const applied = await runProcess(sidekey('apply', '-f', at('policy.yaml')), env(), { cwd: '/' });
      expect(applied).toMatchObject({ code: 0 });
    }, WAIT_MS);
    afterAll(async () => {
      controlPlane.kill('SIGTERM');
      await until('it has ended', () => controlPlane.exitCode !== null || controlPlane.signalCode !== null);
    });

    test(
      'A-71 what it keeps is hidden, and others find it',
      async () => {
        expect(readFileSync(at('data/bootstrap-token'), 'utf8')).toMatch(/\S{40}/);
        expect(await run('required', ['cat', at('data/bootstrap-token')])).toMatchObject({ code: 1, stdout: '' });
        expect(await run('required', ['ls', '-A', at('data')])).toEqual({ code: 0, stdout: '', stderr: '' });
        const outside = await runProcess(sidekey('get', 'sessions'), env(), { cwd: '/', timeoutMs: WAIT_MS });
        expect(outside).toMatchObject({ code: 0, stderr: '' });
      },
      WAIT_MS,
    );

    test.skipIf(!canScopeSignals())(
      'A-71 it can neither stop nor end it, nor meet its next start (Linux 6.12 or newer)',
      async () => {
        const signal = (...pids: readonly string[]): string[] => {
          return ['sh', '-c', `for pid in ${pids.join(' ')}; do kill -0 $pid && echo yes || echo no; done`];
        };
        const its = String(controlPlane.pid);
        const outside = (): Promise<ProcessEnd> => runProcess([...AS_DEVELOPER, ...signal(its, '$$')], env());
        expect(await outside()).toMatchObject({ stdout: 'yes\nyes\n' });
        // Nor `sidekey run` itself, which holds its terminal and may be its proxy.
        expect(await run('required', signal(its, '$PPID', '$$'))).toMatchObject({ stdout: 'no\nno\nyes\n' });
        // All that it left behind was ended with it, and nothing else.
        expect(await outside()).toMatchObject({ stdout: 'yes\nyes\n' });
      },
      WAIT_MS,
    );

    test(
      'A-71 it cannot open the terminals of its owner, and has terminals of its own',
      async () => {
        const script = `
import os, pty, subprocess, sys
_, mine = pty.openpty()
name = os.ttyname(mine)
def attempt():
    look = 'import os; os.open(' + repr(name) + ', os.O_RDWR | os.O_NOCTTY); print("opened")'
    own = 'import os, pty; m, s = pty.openpty(); os.write(s, b"x"); print(os.read(m, 9))'
    for code in [own, own, look]:
        subprocess.run([*sys.argv[1:], '/usr/bin/python3', '-c', code], stderr=subprocess.DEVNULL)
# One that its terminals of its own cannot be mistaken for.
while int(name.split('/')[-1]) < 9:
    _, mine = pty.openpty()
    name = os.ttyname(mine)
attempt()`;
        const { port } = listener.address() as AddressInfo;
        const proxy = ['--proxy', `http://127.0.0.1:${port}`, '--proxy-ca', join(home, 'ca.pem')];
        const [, ...isolated] = sidekey('run', ...proxy, '--isolation', 'required', '--').slice(
          AS_DEVELOPER.length - 1,
        );
        const open = (...command: readonly string[]): Promise<ProcessEnd> =>
          runProcess([...AS_DEVELOPER, '/usr/bin/python3', '-c', script, ...command], env(), {
            cwd: '/',
            timeoutMs: WAIT_MS,
          });
        expect(await open()).toMatchObject({ stdout: "b'x'\nb'x'\nopened\n" });
        expect(await open(...isolated)).toMatchObject({ stdout: "b'x'\nb'x'\n" });
      },
      WAIT_MS,
    );

    test(
      'A-71 nobody vouches for it where only its owner is known',
      async () => {
        const key = createPublicKey(createSigningKey()).export({
          type: 'spki',
          format: 'der',
        });
        const script = `
          const socket = require('node:net').connect(${JSON.stringify(at('local.sock'))});
          socket.end('{"proxy_key":"${key.toString('base64url')}"}\\n').pipe(process.stdout);`;
        const ask = [process.execPath, '-e', script];
        const outside = await runProcess([...AS_DEVELOPER, ...ask], env(), { cwd: '/', timeoutMs: WAIT_MS });
        expect(JSON.parse(outside.stdout)).toEqual({ token: expect.any(String) });
        const inside = await run('required', ask);
        expect(JSON.parse(inside.stdout)).toMatchObject({ error: { code: 'caller-refused' } });
        // Its own proxy is vouched for.
        const { grpc, caFile } = JSON.parse(readFileSync(at('.sidekey/context.json'), 'utf8')) as Record<
          string,
          string
        >;
        const link = [
          '--control-plane',
          grpc ?? '',
          '--control-plane-ca',
          caFile ?? '',
          '--evidence',
          `local=${at('local.sock')}`,
        ];
        const own = sidekey('run', ...link, '--isolation', 'required', '--', ...ask);
        const end = await runProcess(own, env(), { cwd: '/', timeoutMs: WAIT_MS });
        expect({ ...end, stdout: JSON.parse(end.stdout) as unknown }).toMatchObject({
          code: 0,
          stderr: '',
          stdout: { error: { code: 'caller-refused' } },
        });
      },
      WAIT_MS,
    );
  });
});
