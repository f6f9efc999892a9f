import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
const PYTHON = '/usr/bin/python3';
const TERMINAL = 'test/support/agents/terminal.py';
const AGENT = 'test/support/agents/terminal-agent.py';
const DEVELOPER = 61_340;
const AS_DEVELOPER = ['setpriv', '--reuid', String(DEVELOPER), '--regid', String(DEVELOPER), '--clear-groups'];
const WAIT_MS = 120_000;

type Step =
  | readonly [verb: 'type' | 'see', text: string]
  | readonly [verb: 'size', lines: number]
  | readonly ['stopped'];

const CAN_PLAY = existsSync(SIDEKEY) && existsSync(PYTHON) && existsSync('/bin/bash');
const CAN_ISOLATE = ((): boolean => {
  const works = (...command: readonly string[]): boolean =>
    spawnSync('setpriv', [...AS_DEVELOPER.slice(1), ...command]).status === 0;
  return works('unshare', '--user', '--map-root-user', '--mount', 'true') && works('test', '-r', SIDEKEY);
})();

let folder: string;
let listener: Server;
let agent: string;
let proxy: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sidekey-jobs-'));
  mkdirSync(join(folder, '.sidekey/dev'), { recursive: true });
  for (const name of ['', '.sidekey', '.sidekey/dev']) {
    if (process.getuid?.() === 0) chownSync(join(folder, name), DEVELOPER, DEVELOPER);
  }
  writeFileSync(join(folder, 'ca.pem'), toPem(createRootAuthority('nobody').certificateDer));
  agent = join(folder, 'agent.py');
  writeFileSync(agent, readFileSync(AGENT));
  // No proxy, which it takes none for: no calls are made.
  listener = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  proxy = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
});
afterAll(() => {
  listener.close();
  rmSync(folder, { recursive: true, force: true });
});

const CTRL_Z = '\u001a';
const STOPPED: readonly Step[] = [
  ['see', 'Stopped'],
  ['stopped'],
  ['type', 'echo shell $((6 * 7))\n'],
  ['see', 'shell 42'],
];
const BACK: readonly Step[] = [
  ['type', 'fg\n'],
  ['see', 'agent goes on'],
  ['type', 'word\n'],
  ['see', 'agent read word'],
];

describe.skipIf(!CAN_PLAY).each([
  { how: 'beside its owner', isolated: false },
  { how: 'isolated', isolated: true },
])('sidekey run and its agent on a terminal, $how (dist/, /usr/bin/python3, bash; isolated: root)', ({ isolated }) => {
  /** Plays this on a terminal, in whose shell the agent has been started. */
  async function play(...steps: readonly Step[]): Promise<ProcessEnd> {
    const pidFile = join(folder, isolated ? 'isolated.pid' : 'pid');
    const own = ['run', '--proxy', proxy, '--proxy-ca', join(folder, 'ca.pem'), '--isolation'];
    const line = [process.execPath, SIDEKEY, ...own, isolated ? 'required' : 'off', '--', PYTHON, agent, pidFile];
    const script: readonly Step[] = [['type', `${line.join(' ')}\n`], ['see', 'agent is ready'], ...steps];
    const command = [PYTHON, '-c', readFileSync(TERMINAL, 'utf8'), JSON.stringify(script), pidFile];
    const env = { PATH: process.env['PATH'], HOME: folder };
    const place = { cwd: folder, timeoutMs: WAIT_MS };
    const end = await runProcess(isolated ? [...AS_DEVELOPER, ...command] : command, env, place);
    const [runner] = readFileSync(pidFile, 'utf8').split(' ');
    // The terminal has been closed: nobody stays behind, whatever state it was in.
    await until('sidekey run ended with its terminal', () => !existsSync(`/proc/${runner}`), 20_000);
    return end;
  }

  const plays = { timeout: WAIT_MS, skip: isolated && !CAN_ISOLATE };

  it('Ctrl-Z stops it, fg brings it back with the terminal', plays, async () => {
    const end = await play(['type', 'one\n'], ['see', 'agent read one'], ['type', CTRL_Z], ...STOPPED, ...BACK);
    expect(end).toMatchObject({ code: 0, stderr: '' });
  });

  it('bg lets it go on until it reads, which is the foreground’s', plays, async () => {
    const background: readonly Step[] = [
      ['type', 'bg\n'],
      ['see', 'agent goes on'],
      ['type', 'until jobs -s | grep -q sidekey; do sleep 0.1; done; echo it waits $((6 * 7))\n'],
      ['see', 'it waits 42'],
    ];
    const end = await play(['type', CTRL_Z], ...STOPPED, ...background, ...BACK);
    expect(end).toMatchObject({ code: 0, stderr: '' });
  });

  it('an agent that stops itself gives the shell back, and is brought back', plays, async () => {
    const end = await play(['type', 'stop\n'], ...STOPPED, ...BACK);
    expect(end).toMatchObject({ code: 0, stderr: '' });
  });

  it('it hears of the window’s size', plays, async () => {
    const end = await play(['size', 50], ['see', 'agent sees 50 lines'], ['size', 33], ['see', 'agent sees 33 lines']);
    expect(end).toMatchObject({ code: 0, stderr: '' });
  });

  it('a terminal that is closed takes it along when it is stopped too', plays, async () => {
    expect(await play(['type', CTRL_Z], ...STOPPED)).toMatchObject({ code: 0, stderr: '' });
    expect(await play(['type', 'stop\n'], ...STOPPED)).toMatchObject({ code: 0, stderr: '' });
  });
});
