import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canScopeSignals } from '../support/landlock.ts';

const PYTHON = '/usr/bin/python3';
const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const DEVELOPER = '61340';
const AS_DEVELOPER = ['setpriv', '--reuid', DEVELOPER, '--regid', DEVELOPER, '--clear-groups'];
const WAIT_MS = 120_000;

/** Runs the arguments on a terminal of their own, and says what they wrote to it. */
const ON_A_TERMINAL = `
import os, pty, sys
said = b""
def read(fd):
    global said
    data = os.read(fd, 1024)
    said += data
    return data
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
pty.spawn(sys.argv[1:], read)
os.write(2, said)
`;
/**
 * TIOCSTI puts a character into a terminal as if somebody had typed it there (ioctl_tty(2)). The second way has a bit beyond the 32 that
 * the kernel reads.
 */
const TYPE = `
import ctypes, fcntl, os, termios
try:
    fcntl.ioctl(0, termios.TIOCSTI, b"#")
    print("typed")
except OSError as error:
    print("refused", error.errno)
libc = ctypes.CDLL(None, use_errno=True)
print("typed" if libc.syscall(ctypes.c_long(16), ctypes.c_long(0), ctypes.c_ulong((1 << 32) | termios.TIOCSTI), b"#") == 0 else "refused too")
`;

/** Somebody whose shell runs the arguments on a terminal, and who then types a word: says who read it. */
const TYPE_LATER = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-mc", '"$@"; echo "ended $?"; read -r word; echo "the shell read $word"', "bash", *sys.argv[1:]])
said = b""
while b"ended" not in said:
    said += os.read(terminal, 1024)
os.write(terminal, b"a-word\\n")
while b" read " not in said:
    said += os.read(terminal, 1024)
os.write(1, said[said.index(b"ended"):])
`;
/** Leaves somebody behind in a session of its own, where job control keeps it from no terminal, and ends `sidekey run` if it can. */
const STAY = `
import os, time
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    os.write(tell, b"x")
    print("what stayed read", os.read(0, 99), flush=True)
    time.sleep(9)
else:
    os.read(ready, 1)
    # Who waits first reads first.
    while open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)
    os.kill(os.getppid(), 9)
`;

function typeLater(...command: readonly string[]): string {
  const ended = spawnSync(PYTHON, ['-c', TYPE_LATER, ...command, PYTHON, '-c', STAY], { encoding: 'utf8', env });
  return ended.stdout.trim();
}

function type(...command: readonly string[]): string {
  const ended = spawnSync(PYTHON, ['-c', ON_A_TERMINAL, ...command, PYTHON, '-c', TYPE], { encoding: 'utf8', env });
  return ended.stderr;
}

let env: NodeJS.ProcessEnv = {};
const canTry = ((): boolean => {
  if (process.getuid?.() !== 0 || process.arch !== 'x64' || !existsSync(SIDEKEY) || !existsSync(PYTHON)) return false;
  const sysctl = '/proc/sys/dev/tty/legacy_tiocsti';
  return (!existsSync(sysctl) || readFileSync(sysctl, 'utf8').trim() === '1') && canHide();
})();

function canHide(): boolean {
  const works = (...command: readonly string[]): boolean => {
    const [, ...asDeveloper] = AS_DEVELOPER;
    return spawnSync('setpriv', [...asDeveloper, ...command]).status === 0;
  };
  return works('unshare', '--user', '--map-root-user', '--mount', 'true') && works('test', '-r', SIDEKEY);
}

describe.skipIf(!canTry)(
  'a terminal that an agent shares (it needs x64, root, setpriv, a kernel with TIOCSTI, and dist/ where other users can read it)',
  () => {
    let home: string;
    let listener: Server;
    beforeAll(async () => {
      listener = createServer();
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
      home = mkdtempSync(join(tmpdir(), 'sidekey-terminal-'));
      mkdirSync(join(home, '.sidekey/dev'), { recursive: true });
      writeFileSync(join(home, 'ca.pem'), toPem(createRootAuthority('nobody').certificateDer));
      for (const folder of ['', '.sidekey', '.sidekey/dev'])
        chownSync(join(home, folder), Number(DEVELOPER), Number(DEVELOPER));
      env = { PATH: process.env['PATH'], HOME: home };
    });
    afterAll(() => {
      listener.close();
      rmSync(home, { recursive: true, force: true });
    });

    const run = (...options: readonly string[]): readonly string[] => {
      const { port } = listener.address() as AddressInfo;
      const proxy = ['--proxy', `http://127.0.0.1:${port}`, '--proxy-ca', join(home, 'ca.pem')];
      return [process.execPath, SIDEKEY, 'run', '--quiet', ...proxy, ...options, '--'];
    };

    test(
      'without `sidekey run` it can type into it',
      () => {
        expect(type(...AS_DEVELOPER)).toMatch(/^#?typed/);
      },
      WAIT_MS,
    );

    test(
      'A-69 an agent of another user cannot type into the terminal of who started it',
      () => {
        expect(type(...run('--user', DEVELOPER)).trim()).toMatch(/^refused 1\s+refused too$/);
      },
      WAIT_MS,
    );

    test(
      'A-69 an agent that is isolated cannot type into the terminal outside',
      () => {
        expect(type(...AS_DEVELOPER, ...run('--isolation', 'required')).trim()).toMatch(/^refused 1\s+refused too$/);
      },
      WAIT_MS,
    );

    test.skipIf(!canScopeSignals())(
      'A-69 what an isolated agent leaves behind does not read what is typed there later (Linux 6.12 or newer)',
      () => {
        const without = typeLater(...AS_DEVELOPER, ...run('--isolation', 'off'));
        expect(without).toMatch(/^ended 137\s+(a-word\s+)?what stayed read b'a-word\\n'/);
        const isolated = typeLater(...AS_DEVELOPER, ...run('--isolation', 'required'));
        expect(isolated).toMatch(/^ended 1\s+(a-word\s+)?the shell read a-word/);
      },
      WAIT_MS,
    );
  },
);
