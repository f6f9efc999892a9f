import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const [DEVELOPER, OTHER] = [61_340, 61_341];
const WAIT_MS = 120_000;

function as(uid: number, command: readonly string[]): readonly string[] {
  return ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', ...command];
}

/** What another user runs must be readable: a clone in a folder of mktemp is not. */
const IS_READY = ((): boolean => {
  const [program = '', ...args] = as(DEVELOPER, ['test', '-r', SIDEKEY]);
  return process.getuid?.() === 0 && existsSync(SIDEKEY) && spawnSync(program, args).status === 0;
})();
const CAN_HIDE = ((): boolean => {
  const nested = ['unshare', '--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'];
  const [program = '', ...args] = as(DEVELOPER, nested);
  return IS_READY && spawnSync(program, args).status === 0;
})();

describe.skipIf(!IS_READY)(
  'what an agent gets of its owner’s Sidekey (it needs root, setpriv, and dist/ where other users can read it)',
  () => {
    let home: string;
    let tokenFile: string;
    let dev: ChildProcess;
    let proxyUrl: string;
    const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: home });
    const sidekey = (...args: string[]): readonly string[] => [process.execPath, SIDEKEY, ...args];
    const run = (options: readonly string[], ...command: string[]): Promise<ProcessEnd> =>
      runProcess(as(DEVELOPER, sidekey('run', ...options, '--', ...command)), env(), { cwd: home });

    beforeAll(async () => {
      home = mkdtempSync(join(tmpdir(), 'sidekey-isolation-'));
      chownSync(home, DEVELOPER, DEVELOPER);
      tokenFile = join(home, '.sidekey/dev/control-plane/bootstrap-token');
      const ports = await Promise.all([freePort(), freePort(), freePort()]);
      const [listen, grpc, rest] = ports.map((port) => `127.0.0.1:${port}`);
      proxyUrl = `http://${listen}`;
      const listeners = ['--listen', listen ?? '', '--grpc-listen', grpc ?? '', '--rest-listen', rest ?? ''];
      const [program = '', ...args] = as(DEVELOPER, sidekey('dev', ...listeners));
      dev = spawn(program, args, { env: env(), cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      await new Promise<void>((resolve, reject) => {
        dev.stderr?.on('data', (text) => {
          said += String(text);
          if (said.includes('sidekey is up')) resolve();
        });
        dev.once('close', () => reject(new Error(`sidekey dev ended: ${said}`)));
      });
    }, WAIT_MS);
    afterAll(async () => {
      const ended = new Promise((resolve) => dev.once('close', resolve));
      dev.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    });

    describe.skipIf(!CAN_HIDE)('where ordinary users may make name spaces', () => {
      it('it sees Sidekey’s folder empty, and calls all the same', { timeout: WAIT_MS }, async () => {
        expect(readFileSync(tokenFile, 'utf8')).toMatch(/\S{40}/);
        expect(await run([], 'cat', tokenFile)).toMatchObject({ code: 1, stdout: '' });
        expect(await run([], 'ls', '-A', join(home, '.sidekey'))).toEqual({ code: 0, stdout: '', stderr: '' });
        const doctor = await run([], 'curl', '-sS', 'https://sidekey-doctor.example.com/');
        expect(doctor.stdout).toContain('policy-denied');
        const applied = await run([], ...sidekey('apply', '-f', '/dev/null'));
        expect(applied).toMatchObject({ code: 2, stdout: '' });
      });

      it.each([
        ['unmounting it', 'umount "$HOME/.sidekey"; cat'],
        ['a name space of its own', 'unshare -Urm sh -c \'umount "$HOME/.sidekey"; cat "$1"\' sh'],
        ['what its parent sees', 'cat "/proc/$PPID/root/$1"; false'],
      ])('nor by %s', { timeout: WAIT_MS }, async (_, script) => {
        const { code, stdout } = await run([], 'sh', '-c', `${script} "$1"`, 'sh', tokenFile);
        expect(stdout).toBe('');
        expect(code).not.toBe(0);
      });

      it('nor by the folder that it is started in', { timeout: WAIT_MS }, async () => {
        const command = as(DEVELOPER, sidekey('run', '--', 'cat', 'control-plane/bootstrap-token'));
        const { code, stdout } = await runProcess(command, env(), { cwd: join(home, '.sidekey/dev') });
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      });

      it('it keeps its user, its arguments, its exit code and variables of odd names', {
        timeout: WAIT_MS,
      }, async () => {
        const command = sidekey('run', '--', 'sh', '-c', 'id -u; echo "$1"; exit 7', 'sh', 'x  y');
        const end = await runProcess(as(DEVELOPER, command), env(), { cwd: home });
        expect(end).toMatchObject({ code: 7, stdout: `${DEVELOPER}\nx  y\n` });
        const odd = await runProcess(
          as(DEVELOPER, sidekey('run', '--', 'env')),
          { ...env(), 'a.b': 'c d' },
          { cwd: home },
        );
        expect(odd.stdout).toMatch(/^a\.b=c d$/m);
        expect(await run([], 'env', 'PATH=/usr/bin', 'no-such-program')).toMatchObject({ code: 127 });
      });

      it('"off" shows it everything, without a word', { timeout: WAIT_MS }, async () => {
        const shown = await run(['--isolation', 'off'], 'cat', tokenFile);
        expect(shown).toEqual({ code: 0, stdout: readFileSync(tokenFile, 'utf8'), stderr: '' });
      });
    });

    it('as root a warning names what it can read, and "required" refuses', { timeout: WAIT_MS }, async () => {
      const asRoot = (...options: string[]): Promise<ProcessEnd> =>
        runProcess(sidekey('run', ...options, '--', 'true'), env(), { cwd: home });
      // The proxy admits its own user alone, but that shows at the first call only.
      expect(await asRoot()).toMatchObject({ code: 0, stderr: expect.stringContaining(join(home, '.sidekey')) });
      expect(await asRoot('--isolation', 'required')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--user'),
      });
      expect(await asRoot('--isolation', 'off')).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    it('--user runs it as that user, with a home of its own', { timeout: WAIT_MS }, async () => {
      const asUser = (...command: string[]): Promise<ProcessEnd> =>
        runProcess(sidekey('run', '--user', String(OTHER), '--', ...command), env(), { cwd: '/' });
      expect(await asUser('sh', '-c', 'id -u; id -G; echo $HOME; head -c 5 "$SSL_CERT_FILE" | wc -c')).toEqual({
        code: 0,
        stdout: `${OTHER}\n${OTHER}\n/\n5\n`,
        stderr: '',
      });
      expect(await asUser('cat', tokenFile)).toMatchObject({ code: 1, stdout: '' });
      expect(await run(['--user', 'nobody'], 'true')).toMatchObject({ code: 2 });
    });

    it('a user other than that of `sidekey dev` is refused by its proxy', { timeout: WAIT_MS }, async () => {
      const curl = ['curl', '-sS', '-i', '-x', proxyUrl, 'http://sidekey-doctor.example.com/'];
      expect((await runProcess(as(OTHER, curl), env(), { cwd: '/' })).stdout).toContain('caller-refused');
      expect((await runProcess(as(DEVELOPER, curl), env(), { cwd: '/' })).stdout).not.toContain('caller-refused');
    });
  },
);
