import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { until } from '../support/until.ts';

// Root may read everything, so as root both the proxy and who attacks it are made an ordinary user.
const ORDINARY = 61_340;
const IS_ROOT = process.getuid?.() === 0;
const AS_USER = IS_ROOT ? ['setpriv', '--reuid', String(ORDINARY), '--regid', String(ORDINARY), '--clear-groups'] : [];
const COMMAND = [...AS_USER, process.execPath];
const [FIRST, REST] = [COMMAND[0] ?? '', COMMAND.slice(1)];
const MISSING =
  process.platform !== 'linux'
    ? 'Linux'
    : !existsSync('dist/sidekey.js')
      ? 'dist/: npm run build'
      : spawnSync(FIRST, [...REST, '--version']).status !== 0
        ? 'a Node that every user may run'
        : undefined;

/** What another process of this user gets when it tries to read this. */
function attempt(pid: number, what: string): string {
  const script = `
    const fs = require('node:fs');
    try {
      const file = fs.openSync('/proc/${pid}/${what}', 'r');
      console.log('read', fs.readSync(file, Buffer.alloc(16)));
    } catch (error) { console.log(error.code); }`;
  return spawnSync(FIRST, [...REST, '-e', script], { encoding: 'utf8' }).stdout.trim();
}

const title = `A-31 the running proxy, attacked by its own user${MISSING === undefined ? '' : ` (it needs ${MISSING})`}`;
describe.skipIf(MISSING !== undefined)(title, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-memory-'));
  let proxy: ChildProcess;
  let output = '';
  /** A Node without any hardening, to show that the attacks are attacks. */
  let other: ChildProcess;

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    if (IS_ROOT) chownSync(folder, ORDINARY, ORDINARY);
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, toPem(createRootAuthority('nobody').certificateDer));
    writeFileSync(join(folder, 'token'), 'x');
    const env = { PATH: process.env['PATH'], HOME: folder };
    const link = ['--control-plane', '127.0.0.1:9', '--control-plane-ca', caFile, '--evidence', `oidc=${folder}/token`];
    const args = [...REST, join(folder, 'dist', 'sidekey.js'), 'proxy', '--listen', '127.0.0.1:0', ...link];
    proxy = spawn(FIRST, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    proxy.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    other = spawn(FIRST, [...REST, '-e', 'console.error("up"); setInterval(() => {}, 1000)'], { env });
    let isUp = false;
    other.stderr?.on('data', () => (isUp = true));
    await until('both are up', () => isUp && output.includes('sidekey proxy listens'), 60_000);
  }, 90_000);
  afterAll(() => {
    proxy.kill('SIGKILL');
    other.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(['environ', 'mem', 'maps', 'auxv'])('cannot be read in /proc/PID/%s', (what) => {
    if (what !== 'mem') expect(attempt(other.pid ?? 0, what)).toMatch(/^read/);
    expect(attempt(proxy.pid ?? 0, what)).toMatch(/^(?:EACCES|EPERM)$/);
    expect(statSync(`/proc/${proxy.pid}/environ`).uid).toBe(0);
  });

  test('its signal opens no inspector', async () => {
    const status = (): string => readFileSync(`/proc/${proxy.pid}/status`, 'utf8');
    proxy.kill('SIGUSR1');
    // Once the signal was taken from the pending ones it was answered, one way or the other.
    await until('the signal arrived', () => /SigPnd:\t0+\nShdPnd:\t0+\n/.test(status()));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(output).not.toContain('Debugger listening');
    expect(proxy.exitCode).toBeNull();
  });
});
