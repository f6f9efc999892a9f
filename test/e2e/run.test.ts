import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// What `run` does with a program has nothing to do with the proxy: what listens here is none.
describe.skipIf(!existsSync(SIDEKEY))('sidekey run and its program (needs dist/: npm run build)', () => {
  let folder: string;
  let args: string[];
  let listener: Server;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sidekey-run-'));
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, toPem(createRootAuthority('nobody').certificateDer));
    listener = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    args = [SIDEKEY, 'run', '--proxy', `http://127.0.0.1:${port}`, '--proxy-ca', ca, '--'];
  });
  afterAll(() => {
    listener.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs `command`; `act` gets the process once its output has `ready`. */
  function run(
    command: readonly string[],
    act?: (child: ReturnType<typeof spawn>) => void,
    input?: Buffer,
  ): Promise<Ended> {
    const child = spawn(process.execPath, [...args, ...command], { env: { PATH: process.env['PATH'] } });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    return collect(child, act);
  }

  it.each([
    [['sh', '-c', 'exit 7'], 7],
    [['sh', '-c', 'kill -9 $$'], 137],
    [['no-such-program-anywhere'], 127],
    [['/etc/passwd'], 126],
  ])('%j ends with %i', async (command, code) => {
    expect(await run(command)).toMatchObject({ code });
  });

  it.each([
    ['http://127.0.0.1:9', 4, 'no proxy listens at http://127.0.0.1:9; start it'],
    ['127.0.0.1:9', 2, '--proxy: use http://HOST:PORT (bad-proxy)'],
    ['https://127.0.0.1:9', 2, '--proxy: use http://HOST:PORT (bad-proxy)'],
    ['http://user:token@127.0.0.1:9', 2, '--proxy: everybody can read a password there; use SIDEKEY_PROXY'],
  ])('starts nothing behind the proxy %s', async (proxy, code, told) => {
    const given = args.map((arg) => (arg.startsWith('http://') ? proxy : arg));
    const ended = await collect(spawn(process.execPath, [...given, 'echo', 'started'], { env: process.env }));
    expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(told) });
  });

  it('says what cannot be run', async () => {
    expect((await run(['no-such-program-anywhere'])).stderr).toContain('no-such-program-anywhere: no such program');
    expect((await run(['/etc/passwd'])).stderr).toContain('cannot run /etc/passwd');
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    '%s reaches the program, whose answer counts',
    async (signal) => {
      const script = `process.on("${signal}", () => { console.log("got ${signal}"); process.exit(5); });
        setTimeout(() => process.exit(9), 20_000); console.log("ready");`;
      const { code, stdout, stderr } = await run([process.execPath, '-e', script], (child) => child.kill(signal));
      expect({ code, stdout }).toEqual({ code: 5, stdout: `ready\ngot ${signal}\n` });
      expect(stderr).not.toContain('Debugger');
    },
  );

  it('its standard input is the program’s, to the last byte', async () => {
    const { stdout } = await run(['wc', '-c'], undefined, Buffer.alloc(5_000_000, 'x'));
    expect(stdout.trim()).toBe('5000000');
  });

  it('a program on a terminal has the terminal, and one Ctrl-C is one SIGINT', async () => {
    const script = `let n = 0; process.on("SIGINT", () => { n += 1; setTimeout(() => { console.log("interrupts: " + n); process.exit(0); }, 700); });
      setTimeout(() => process.exit(9), 20_000); console.log("ready", process.stdin.isTTY, process.stdout.isTTY);`;
    const file = join(folder, 'agent.cjs');
    writeFileSync(file, script);
    const line = ['exec', process.execPath, ...args, process.execPath, file].join(' ');
    const child = spawn('/usr/bin/script', ['-qec', line, '/dev/null'], {
      env: { PATH: process.env['PATH'], SHELL: '/bin/sh' },
    });
    const { code, stdout } = await collect(child, () => child.stdin.write('\u0003'));
    expect(stdout).toContain('ready true true');
    expect(stdout).toContain('interrupts: 1');
    expect(code).toBe(0);
  });
});

function collect(child: ReturnType<typeof spawn>, act?: (child: ReturnType<typeof spawn>) => void): Promise<Ended> {
  const output = { stdout: '', stderr: '' };
  let acted = false;
  child.stdout?.on('data', (bytes: Buffer) => {
    output.stdout += bytes.toString();
    if (acted || !output.stdout.includes('ready')) return;
    acted = true;
    act?.(child);
  });
  child.stderr?.on('data', (bytes: Buffer) => (output.stderr += bytes.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
  });
}
