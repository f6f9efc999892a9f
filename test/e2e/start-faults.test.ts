import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { until } from '../support/until.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const TIMEOUT_MS = 90_000;

describe.skipIf(!existsSync(SIDEKEY))('what stands in the way of a start is named (needs dist/: npm run build)', () => {
  let folder: string;
  let taken: Server;
  let takenPort: string;
  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], SIDEKEY_HOME: join(folder, 'home') });
  const sidekey = (...args: string[]): Promise<ProcessEnd> =>
    runProcess([process.execPath, SIDEKEY, ...args], env(), { timeoutMs: TIMEOUT_MS });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sidekey-faults-'));
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    takenPort = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterAll(() => {
    taken.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['--grpc-listen', '--rest-listen'],
    ['--rest-listen', '--grpc-listen'],
  ])('a control plane whose %s is taken', { timeout: TIMEOUT_MS }, async (wanted, other) => {
    const dataDir = join(folder, `data${wanted}`);
    const end = await sidekey('control-plane', '--data-dir', dataDir, wanted, takenPort, other, '127.0.0.1:0');
    expect(end.code).toBe(2);
    const fault = end.stderr.trim();
    expect(fault).toContain(`sidekey: cannot listen on ${takenPort}: listen EADDRINUSE: address already in use`);
    expect([fault.includes('\n'), existsSync(dataDir)]).toEqual([false, false]);
    const stands = join(dataDir, 'store');
    mkdirSync(stands, { recursive: true, mode: 0o700 });
    const again = await sidekey('control-plane', '--data-dir', dataDir, wanted, takenPort, other, '127.0.0.1:0');
    expect(again.stderr.trim()).toBe(fault);
  });

  it('dev whose proxy cannot listen makes nothing', { timeout: TIMEOUT_MS }, async () => {
    const free = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
    const end = await sidekey('dev', '--listen', takenPort, ...free);
    expect([end.code, end.stderr]).toEqual([2, expect.stringContaining(`sidekey: cannot listen on ${takenPort}:`)]);
    expect(existsSync(join(folder, 'home', 'control-plane'))).toBe(false);
  });

  it('a control plane whose data directory cannot be made, or be written in', { timeout: TIMEOUT_MS }, async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const end = await sidekey('control-plane', '--data-dir', join(file, 'data'));
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(`sidekey: cannot keep data in ${file}/data: ENOTDIR`);
    if (process.getuid?.() !== 0) return;
    const disk = join(folder, 'read-only');
    const line = `mkdir -p ${disk} && mount -t tmpfs -o ro tmpfs ${disk} && exec "$@"`;
    const command = [process.execPath, SIDEKEY, 'control-plane', '--data-dir', disk];
    const readOnly = await runProcess(['unshare', '-m', 'sh', '-c', line, 'sh', ...command], env());
    expect(readOnly.code).toBe(2);
    expect(readOnly.stderr).toContain(`sidekey: cannot keep data in ${disk}: EROFS: read-only file system`);
  });

  it('a variable that nearly is a setting', { timeout: TIMEOUT_MS }, async () => {
    const misspelt = { ...env(), SIDEKEY_CONTROL_PLAN: '127.0.0.1:7443' };
    const end = await runProcess([process.execPath, SIDEKEY, 'proxy'], misspelt, { timeoutMs: TIMEOUT_MS });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('nothing reads SIDEKEY_CONTROL_PLAN; did you mean SIDEKEY_CONTROL_PLANE?\n');
  });

  it('a variable that would have nobody verified is not heeded, and said to be', { timeout: TIMEOUT_MS }, async () => {
    const careless = { ...env(), NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const end = await runProcess([process.execPath, SIDEKEY, 'proxy'], careless, { timeoutMs: TIMEOUT_MS });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('sidekey: NODE_TLS_REJECT_UNAUTHORIZED=0 is not heeded: give authorities to trust\n');
  });

  // A file system of its own, seen by this process alone, is the safe way to fill one up.
  it.skipIf(process.getuid?.() !== 0)('a control plane whose disk is full', { timeout: TIMEOUT_MS }, async () => {
    const disk = join(folder, 'disk');
    const line = `mkdir -p ${disk} && mount -t tmpfs -o size=8m tmpfs ${disk} && exec "$@"`;
    const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
    const command = [process.execPath, SIDEKEY, 'control-plane', '--data-dir', `${disk}/data`, ...listen];
    const end = await runProcess(['unshare', '-m', 'sh', '-c', line, 'sh', ...command], env(), {
      timeoutMs: TIMEOUT_MS,
    });
    expect(end.code).toBe(1);
    expect(end.stderr).toBe(
      `making a store in ${disk}/data; later starts are quicker\nsidekey: cannot open the database in ${disk}/data/store: no space left on device (store-failed)\n`,
    );
  });

  it('a control plane opens no debugger on SIGUSR1, and ends whole on SIGHUP', { timeout: TIMEOUT_MS }, async () => {
    const dataDir = join(folder, 'signals');
    const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
    const child = spawn(process.execPath, [SIDEKEY, 'control-plane', '--data-dir', dataDir, ...listen], { env: env() });
    let stderr = '';
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await until('it is up', () => stderr.includes('proxies at'), TIMEOUT_MS);
    // Nobody but root may read a process that cannot be dumped (proc(5)).
    expect(statSync(`/proc/${child.pid}/mem`).uid).toBe(0);
    child.kill('SIGUSR1');
    child.kill('SIGHUP');
    expect(await ended).toBe(0);
    expect(stderr).not.toContain('Debugger');
    expect(readdirSync(join(dataDir, 'store')).filter((name) => name.includes('lock'))).toEqual([]);
  });

  // Two containers on one volume: neither sees the other's processes.
  it.skipIf(process.getuid?.() !== 0)(
    'a control plane whose store another container has open',
    async () => {
      const dataDir = join(folder, 'shared');
      const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
      const command = [process.execPath, SIDEKEY, 'control-plane', '--data-dir', dataDir, ...listen];
      const contained = ['unshare', '-m', '-p', '-f', '--mount-proc', '--kill-child', ...command];
      const [unshare = '', ...inside] = contained;
      const first = spawn(unshare, inside, { env: env() });
      let stderr = '';
      first.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
      const ended = new Promise((resolve) => first.once('close', resolve));
      await until('it is up', () => stderr.includes('proxies at'), TIMEOUT_MS);
      const second = await runProcess(contained, env(), { timeoutMs: TIMEOUT_MS });
      expect(second.stderr).toContain('(store-locked)');
      expect(second.code).toBe(2);
      first.kill('SIGKILL');
      await ended;
    },
    TIMEOUT_MS,
  );

  it('a control plane with a scheme, and output that finds no room', { timeout: TIMEOUT_MS }, async () => {
    const files = ['--control-plane-ca', SIDEKEY, '--evidence', `oidc=${SIDEKEY}`];
    const end = await sidekey('proxy', '--control-plane', 'https://localhost:7443', ...files);
    expect(end.stderr).toContain('--control-plane: use HOST:PORT, not "https://localhost:7443" (bad-address)');
    expect(end.code).toBe(2);
    if (!existsSync('/dev/full')) return;
    const full = await runProcess(
      ['sh', '-c', 'exec "$@" >/dev/full', 'sh', process.execPath, SIDEKEY, 'version'],
      env(),
    );
    expect(full.stderr).toBe('sidekey: cannot write the output: ENOSPC: no space left on device, write\n');
    expect(full.code).toBe(1);
  });

  it('a file where the admin socket should be is left alone', { timeout: TIMEOUT_MS }, async () => {
    const file = join(folder, 'precious');
    writeFileSync(file, 'mine');
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, toPem(createRootAuthority('nobody').certificateDer));
    const evidence = ['--evidence', `oidc=${file}`, '--listen', '127.0.0.1:0', '--spool-dir', join(folder, 'spool')];
    const end = await sidekey(
      'proxy',
      '--control-plane',
      takenPort,
      '--control-plane-ca',
      ca,
      ...evidence,
      '--admin',
      file,
    );
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(`${file} exists and is not a socket`);
    expect(existsSync(file)).toBe(true);
  });
});
