import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, startGitServer } from '../support/upstreams/git-server.ts';
import { MISSING, PATIENCE_MS, TransparentWorld, UIDS } from '../support/worlds/transparent-world.ts';

const PYTHON = '/usr/bin/python3';
const PASSWORD = 'a-password-of-the-repository';

interface ClientUnderTest {
  readonly name: string;
  readonly present: boolean;
  /** Calls `url` with `method` and prints the status and the body. */
  readonly command: (method: string, url: string) => readonly string[];
}

const CLIENTS: readonly ClientUnderTest[] = [
  { name: 'curl over IPv4', present: true, command: (method, url) => curl('-4', method, url) },
  { name: 'curl over IPv6', present: true, command: (method, url) => curl('-6', method, url) },
  {
    name: 'Python requests',
    present: spawnSync(PYTHON, ['-c', 'import requests']).status === 0,
    command: (method, url) => [
      PYTHON,
      '-c',
      `import requests; r = requests.request("${method}", "${url}"); print(r.status_code, r.text)`,
    ],
  },
  {
    name: 'Node fetch',
    present: true,
    command: (method, url) => [
      process.execPath,
      '-e',
      `fetch("${url}", { method: "${method}" }).then(async (r) => console.log(r.status, await r.text()))`,
    ],
  },
];

function curl(family: string, method: string, url: string): string[] {
  return ['curl', '-sS', family, '-X', method, '-w', ' %{http_code}', url];
}

const title = `transparent mode${MISSING === undefined ? '' : ` (it needs ${MISSING})`}`;
describe.skipIf(MISSING !== undefined).each(['nftables', 'iptables'])(
  `${title}, rules by %s`,
  { timeout: PATIENCE_MS },
  (tool) => {
    let world: TransparentWorld;
    let git: GitServer;
    let gitFolder: string | undefined;
    /** All rules of the name space before ours. */
    let foreign: string;
    const url = 'https://api.test/v1/items';

    beforeAll(async () => {
      world = await TransparentWorld.start(['--self-test', '--refuse-port', '3306']);
      gitFolder = mkdtempSync(join(tmpdir(), 'sidekey-git-'));
      git = await startGitServer(gitFolder, 'builder', PASSWORD);
      await world.space.forward(8443, git.port);
      await world.world.apply(...gitPolicy(world, git));
    }, PATIENCE_MS);
    afterAll(async () => {
      await world?.close();
      await git?.close();
      if (gitFolder !== undefined) rmSync(gitFolder, { recursive: true, force: true });
    });

    it(
      'is not ready before redirection is proven, and is once `redirect check` has proven it',
      async () => {
        const direct = await world.agent(['curl', '-sS', '-k', '-4', url]);
        expect(direct.stdout).toContain('a token is needed');
        await expect
          .poll(async () => (await world.ready()).stdout, { timeout: 30_000 })
          .toContain('of another user over IPv4 and IPv6');
        foreign = await rulesWithForeignOnes(world);
        const fault = await world.redirect('check', '--tool', tool, '-o', 'json');
        expect(fault.code).toBe(3);
        expect(fault.stdout).toContain('the rules are not installed');
        for (let turn = 0; turn < 2; turn += 1) {
          const installed = await world.redirect('install', '--tool', tool, '-o', 'json');
          expect(installed).toMatchObject({ code: 0, stderr: '' });
        }
        const check = await world.redirect('check', '--tool', tool, '-o', 'json');
        expect(check).toMatchObject({ code: 0, stderr: '' });
        expect(JSON.parse(check.stdout)).toHaveLength(5);
        for (const finding of JSON.parse(check.stdout)) expect(finding).toMatchObject({ verdict: 'ok' });
        await world.untilReady();
      },
      PATIENCE_MS,
    );

    it.each(CLIENTS)('$name is served, told of denials, and never holds the token', async ({ command, present }) => {
      if (!present) return;
      const { stdout, stderr } = await world.agent(command('GET', url));
      expect(stderr).toBe('');
      expect(stdout).toContain('200');
      expect(stdout).toContain('first');
      expect((await world.agent(command('DELETE', url))).stdout).toContain('rule-denied');
      const echo = await world.agent(command('GET', 'https://api.test/v1/echo'));
      expect(echo.stdout).toContain('200');
      for (const token of world.world.api.seenTokens) expect(echo.stdout).not.toContain(token);
    });

    it('git clones what demands a password', async () => {
      const home = mkdtempSync(join(tmpdir(), 'sidekey-clone-'));
      await chown(home, UIDS.agent, UIDS.agent);
      try {
        const target = join(home, 'clone');
        const end = await world.agent(['git', 'clone', '--quiet', 'https://api.test:8443/project.git', target], {
          HOME: home,
        });
        expect(end).toEqual({ code: 0, stdout: '', stderr: '' });
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    });

    it('Host, SNI and port must agree; a credential does not travel in cleartext', async () => {
      const call = async (...args: string[]): Promise<string> =>
        (await world.agent(['curl', '-sS', '-w', ' %{http_code}', ...args])).stdout;
      expect(await call('-H', 'Host: other.test', url)).toContain('421');
      expect(await call('-H', 'Host: api.test:8443', url)).toContain('421');
      expect(await call('-H', 'Host: api.test:443', 'http://api.test/v1/items')).toContain('421');
      expect(await call('-H', 'Host: 203.0.113.5', 'http://api.test/v1/items')).toContain('421');
      expect(await call('http://api.test/v1/items')).toContain('cleartext-refused');
      expect(await call('https://other.test/')).toContain('no-route');
    });

    it('a declared port is refused at once, another protocol once it shows', async () => {
      const { IPv4 } = world.space.outside;
      const connect = (port: number, text: string): Promise<{ stdout: string }> =>
        world.agent([
          PYTHON,
          '-c',
          `import socket; s = socket.create_connection(("${IPv4}", ${port}), 10); s.sendall(b"${text}"); print(s.recv(99))`,
        ]);
      expect((await connect(3306, '')).stdout).toBe("b''\n");
      expect((await connect(22, 'SSH-2.0-x\\r\\n')).stdout).toBe("b''\n");
      await expect
        .poll(async () => (await world.reasons()).slice(-2), { timeout: 30_000 })
        .toEqual(['port-refused', 'protocol-refused']);
    });

    it('rules that were changed by hand are a fault', async () => {
      const change =
        tool === 'nftables'
          ? ['nft', 'insert', 'rule', 'inet', 'sidekey', 'output_nat', 'tcp', 'dport', '9', 'return']
          : ['ip6tables', '-t', 'nat', '-F', 'SIDEKEY'];
      expect((await world.space.run(UIDS.root, change)).stderr).toBe('');
      const check = await world.redirect('check', '--tool', tool, '-o', 'json');
      expect({ code: check.code, rules: JSON.parse(check.stdout)[0] }).toMatchObject({
        code: 3,
        rules: { verdict: 'fault' },
      });
      expect((await world.redirect('install', '--tool', tool)).code).toBe(0);
      expect((await world.redirect('check', '--tool', tool)).code).toBe(0);
    });

    it('`remove` leaves nothing behind, and the rules of others as they were', async () => {
      const remove = (...output: string[]) => world.redirect('remove', '--tool', tool, ...output);
      expect(await remove()).toMatchObject({ code: 0, stdout: `the rules of ${tool} are removed\n` });
      expect(await remove()).toMatchObject({ code: 0, stdout: `${tool} had no rules to remove\n` });
      expect(JSON.parse((await remove('-o', 'json')).stdout)).toEqual({ removed: false, tool });
      const rules = await world.space.run(UIDS.root, ['nft', 'list', 'ruleset']);
      expect(rules.stdout.toLowerCase()).not.toContain('sidekey');
      expect(await rulesOf(world)).toBe(foreign);
      const direct = await world.agent(['curl', '-sS', '-k', '-6', url]);
      expect(direct.stdout).toContain('a token is needed');
    });
  },
);

/** What others may have put there: a table and a chain of their own, and rules in the chains that everybody shares. */
async function rulesWithForeignOnes(world: TransparentWorld): Promise<string> {
  const commands = [
    'nft add table inet others',
    'nft add chain inet others output { type filter hook output priority 10 ; }',
    'nft add rule inet others output tcp dport 9 drop',
    ...['iptables', 'ip6tables'].flatMap((tables) => [
      `${tables} -t nat -A OUTPUT -p tcp --dport 9 -j RETURN`,
      `${tables} -A OUTPUT -p udp --dport 9 -j DROP`,
    ]),
  ];
  for (const command of commands) {
    const { code, stderr } = await world.space.run(UIDS.root, command.split(' '));
    if (code !== 0) throw new Error(`${command}: ${stderr}`);
  }
  return rulesOf(world);
}

/** Every rule of the name space, without what was counted. */
async function rulesOf({ space }: TransparentWorld): Promise<string> {
  const { stdout } = await space.run(UIDS.root, ['nft', 'list', 'ruleset']);
  return stdout.replaceAll(/packets \d+ bytes \d+/g, 'counted');
}

function gitPolicy(
  { space }: TransparentWorld,
  git: GitServer,
): readonly (readonly [kind: string, name: string, spec: object])[] {
  const tls = { mode: 'verify', ca: git.caPem, serverName: 'localhost' };
  const allowedAddresses = Object.values(space.outside);
  return [
    ['ServerWorkload', 'git', { hosts: ['api.test'], ports: [8443], tls, allowedAddresses }],
    ['CredentialProvider', 'git-password', { type: 'static', secret: { value: PASSWORD } }],
    [
      'AccessPolicy',
      'agent-reads-git',
      {
        clientWorkload: 'agent',
        serverWorkload: 'git',
        rules: [{ methods: ['GET', 'POST'], paths: ['/project.git/**'] }],
        credentials: [{ provider: 'git-password', inject: { type: 'basic', username: 'builder' } }],
      },
    ],
  ];
}
