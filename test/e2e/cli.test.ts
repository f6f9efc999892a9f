import { freePort } from '../support/free-port.ts';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRootAuthority } from '../../common/x509/authority.ts';
import { toPem } from '../../common/x509/certificate.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SIDEKEY = join(process.cwd(), 'dist/sidekey.js');
/** For whom the evidence says so; `sidekey dev` gives none that does. */
const ON_MAIN = `---
apiVersion: sidekey.dev/v1
kind: AccessCondition
metadata: { name: main }
spec: { type: cel, expression: 'agent.claims.oidc.ref == "main"' }
`;

const POLICY = `apiVersion: sidekey.dev/v1
kind: ServerWorkload
metadata: { name: api }
spec: { hosts: [api.test.example] }
---
apiVersion: sidekey.dev/v1
kind: CredentialProvider
metadata: { name: key }
spec: { type: static, secret: { fromEnv: CLI_TEST_VALUE } }
---
apiVersion: sidekey.dev/v1
kind: AccessPolicy
metadata: { name: read }
spec:
  clientWorkload: developer
  serverWorkload: api
  rules: [{ methods: [GET], paths: ["/v1/**"] }]
  credentials: [{ provider: key, inject: { type: bearer } }]
`;

const DENIED_IN_VAIN = `---
apiVersion: sidekey.dev/v1
kind: AccessPolicy
metadata: { name: no-keys }
spec: { effect: deny, clientWorkload: developer, serverWorkload: api, rules: [{ paths: ["/**/keys"] }] }
`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(!existsSync(SIDEKEY))('the sidekey command (needs dist/: npm run build)', () => {
  const home = mkdtempSync(join(tmpdir(), 'sidekey-cli-'));
  let dev: ChildProcess;
  /** Stands where a corporate proxy would: refuses, and remembers what it was asked. */
  let corporate: Server;
  let askedCorporate = '';

  function sidekey(...args: string[]): Promise<Ended> {
    const env = { ...process.env, SIDEKEY_HOME: home, CLI_TEST_VALUE: 'hunter2-hunter2' };
    return new Promise((resolve) => {
      execFile(process.execPath, [SIDEKEY, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      });
    });
  }

  beforeAll(async () => {
    const [proxy = '', grpc = '', rest = ''] = await Promise.all(
      [1, 2, 3].map(async () => `127.0.0.1:${await freePort()}`),
    );
    corporate = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        askedCorporate += bytes.toString('latin1');
        socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => corporate.listen(0, '127.0.0.1', resolve));
    const at = corporate.address();
    const passwordFile = join(home, 'corporate-password');
    writeFileSync(passwordFile, 'open sesame\n');
    const upstream = `http://employee@127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`;
    const through = ['--upstream-proxy', upstream, '--upstream-proxy-password-file', passwordFile];
    const args = ['dev', '--listen', proxy, '--grpc-listen', grpc, '--rest-listen', rest, ...through];
    dev = spawn(process.execPath, [SIDEKEY, ...args], { env: { ...process.env, SIDEKEY_HOME: home } });
    await new Promise<void>((resolve, reject) => {
      let output = '';
      dev.stderr?.on('data', (text) => {
        output += text;
        if (output.includes('sidekey is up')) resolve();
      });
      dev.once('close', () => reject(new Error(`sidekey dev ended: ${output}`)));
    });
  }, 90_000);

  afterAll(async () => {
    const closed = new Promise((resolve) => dev.once('close', resolve));
    dev.kill('SIGTERM');
    await closed;
    corporate.close();
    rmSync(home, { recursive: true, force: true });
  });

  it('applies, shows, explains, deletes', async () => {
    const file = join(home, 'policy.yaml');
    writeFileSync(file, POLICY);
    expect(await sidekey('apply', '-f', file, '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 of 3 would change'),
    });
    expect((await sidekey('get', 'AccessPolicy', 'read')).code).not.toBe(0);
    const unbound = 'policy.yaml:9: CredentialProvider/key: spec.boundTo: is missing';
    const applied = { stdout: expect.stringContaining('3 of 3 changed'), stderr: expect.stringContaining(unbound) };
    expect(await sidekey('apply', '-f', file)).toMatchObject(applied);
    const again = { stdout: expect.stringContaining('AccessPolicy/read unchanged'), stderr: '' };
    expect(await sidekey('apply', '-f', file)).toMatchObject(again);
    writeFileSync(file, POLICY + DENIED_IN_VAIN);
    const inVain = 'policy.yaml:23: AccessPolicy/no-keys: spec.rules[0].paths[0]: never has a say: AccessPolicy "read"';
    expect(await sidekey('apply', '-f', file, '--dry-run')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(inVain),
    });
    const shown = await sidekey('get', 'CredentialProvider', 'key', '-o', 'yaml');
    expect(shown.stdout).toContain('sealed: true');
    expect(shown.stdout).not.toContain('hunter2');
    const url = 'https://api.test.example/v1/items';
    expect(await sidekey('explain', '--workload', 'developer', '--url', url)).toMatchObject({ code: 0 });
    const denied = await sidekey('explain', '--workload', 'developer', '--url', url, '--method', 'DELETE');
    expect(denied).toMatchObject({ code: 3, stderr: '' });
    expect(denied.stdout).toContain('rule-denied');
    writeFileSync(file, POLICY.replace('rules:', 'conditions: [main]\n  rules:') + ON_MAIN);
    expect(await sidekey('apply', '-f', file)).toMatchObject({ code: 0 });
    const supposed = (...claims: string[]): ReturnType<typeof sidekey> =>
      sidekey('explain', '--workload', 'developer', '--url', url, ...claims);
    const bare = {
      code: 3,
      stdout: expect.stringContaining('condition-error'),
      stderr: expect.stringContaining('--claims'),
    };
    expect(await supposed()).toMatchObject(bare);
    expect(await supposed('--claims', '{"oidc":{"ref":"main"}}')).toMatchObject({ code: 0 });
    expect(await supposed('--claims', '["secret"]')).toMatchObject({
      code: 2,
      stderr: expect.not.stringContaining('secret'),
    });
    expect((await sidekey('delete', 'ServerWorkload', 'api')).stderr).toContain('resource-in-use');
    const deleted = await sidekey('delete', 'AccessPolicy', 'read', '-o', 'json');
    expect(JSON.parse(deleted.stdout)).toEqual({ kind: 'AccessPolicy', name: 'read', action: 'deleted' });
  }, 60_000);

  it('names file, line and field of what only the control plane can see', async () => {
    const file = join(home, 'wrong.yaml');
    writeFileSync(
      file,
      `${POLICY.replace('clientWorkload: developer', 'clientWorkload: nobody')}---
apiVersion: sidekey.dev/v1
kind: ServerWorkload
metadata: { name: rival }
spec:
  hosts:
    - rival.test.example
    - sidekey-doctor.example.com
---
apiVersion: sidekey.dev/v1
kind: AccessCondition
metadata: { name: odd }
spec:
  type: cel
  expression: agent.nonsense(
`,
    );
    for (const dryRun of [[], ['--dry-run']]) {
      const { code, stderr } = await sidekey('apply', '-f', file, ...dryRun);
      expect(code).toBe(2);
      expect(stderr).toContain(
        `${file}:15: AccessPolicy/read: spec.clientWorkload: there is no ClientWorkload "nobody"`,
      );
      expect(stderr).toContain(
        `${file}:26: ServerWorkload/rival: spec.hosts[1]: ServerWorkload "sidekey-doctor" claims`,
      );
      expect(stderr).toContain(`${file}:33: AccessCondition/odd: spec.expression: `);
    }
  }, 60_000);

  it('prunes, but not what sidekey dev made for itself', async () => {
    const file = join(home, 'pruned.yaml');
    writeFileSync(file, POLICY);
    await sidekey('apply', '-f', file);
    const [first = ''] = POLICY.split('---');
    writeFileSync(file, first);
    const { code, stdout } = await sidekey('apply', '-f', file, '--prune');
    expect(code).toBe(0);
    expect(stdout).toContain('AccessPolicy/read deleted');
    expect(stdout).toContain('TrustProvider/sidekey-dev kept');
    expect((await sidekey('get', 'TrustProvider', 'sidekey-dev')).code).toBe(0);
  }, 60_000);

  it('runs a command as an agent: its exit code, its environment, its denials', async () => {
    expect((await sidekey('run', '--', 'sh', '-c', 'exit 7')).code).toBe(7);
    expect((await sidekey('run', '--', 'sh', '-c', 'kill -9 $$')).code).toBe(137);
    const shown = await sidekey('run', '--remove-env', 'CLI_TEST_VALUE', '--', 'env');
    expect(shown.stdout).not.toContain('hunter2');
    expect(shown.stderr).toContain('CLI_TEST_VALUE');
    const script = 'fetch("https://sidekey-doctor.example.com/").then(async a=>console.log(a.status, await a.text()))';
    expect((await sidekey('run', '--', process.execPath, '-e', script)).stdout).toContain('policy-denied');
  }, 60_000);

  it('dev goes through the upstream proxy that it is given', async () => {
    const file = join(home, 'through.yaml');
    writeFileSync(file, POLICY);
    expect((await sidekey('apply', '-f', file)).code).toBe(0);
    const call = ['run', '--', 'curl', '-sS', 'https://api.test.example/v1/items'];
    await expect
      .poll(async () => (await sidekey(...call)).stdout, { timeout: 20_000 })
      .toContain('the proxy could not reach the upstream (503)');
    expect(askedCorporate).toContain('CONNECT api.test.example:443 HTTP/1.1\r\n');
    expect(askedCorporate).toContain(Buffer.from('employee:open sesame').toString('base64'));
  }, 60_000);

  it('removes the variables that the policy says its credentials replace', async () => {
    const file = join(home, 'replaces.yaml');
    const replacing = POLICY.replace('{ type: static,', '{ type: static, replaces: [CLI_TEST_VALUE],');
    writeFileSync(file, replacing);
    expect((await sidekey('run', '--', 'env')).stdout).toContain('CLI_TEST_VALUE=hunter2');
    expect((await sidekey('apply', '-f', file)).code).toBe(0);
    await expect
      .poll(async () => (await sidekey('run', '--', 'env')).stdout, { timeout: 20_000 })
      .not.toContain('hunter2');
    const { stderr } = await sidekey('run', '--', 'true');
    expect(stderr).toContain("removed from the agent's environment: ");
    expect(stderr).toContain('CLI_TEST_VALUE');
    expect((await sidekey('run', '--keep-env', 'CLI_TEST_VALUE', '--', 'env')).stdout).not.toContain('hunter2');
  }, 60_000);

  it('doctor finds the tools of this machine covered', async () => {
    const { stdout } = await sidekey('doctor', '-o', 'json');
    const findings = JSON.parse(stdout) as { tool: string; verdict: string }[];
    const node = findings.find((found) => found.tool === 'node fetch');
    expect(node).toMatchObject({ verdict: 'covered' });
    for (const { verdict } of findings) expect(['covered', 'not installed']).toContain(verdict);
  }, 120_000);

  it('doctor refuses half of the proxy that it shall test', async () => {
    expect(await sidekey('doctor', '--proxy', 'http://127.0.0.1:9')).toMatchObject({ code: 2, stdout: '' });
    expect(await sidekey('doctor', '--proxy-ca', '/dev/null')).toMatchObject({ code: 2, stdout: '' });
  }, 60_000);

  it('doctor blames no tool where no proxy listens', async () => {
    const ca = join(home, 'doctor-ca.pem');
    writeFileSync(ca, toPem(createRootAuthority('nobody').certificateDer));
    const told = { code: 4, stdout: '', stderr: expect.stringContaining('no proxy listens at http://127.0.0.1:9') };
    expect(await sidekey('doctor', '--proxy', 'http://127.0.0.1:9', '--proxy-ca', ca)).toMatchObject(told);
  }, 60_000);

  it('shows and proves the decision log', async () => {
    await expect
      .poll(async () => (await sidekey('logs', '-o', 'json')).stdout, { timeout: 20_000 })
      .toContain('policy-denied');
    const denials = await sidekey('logs', '--reason', 'policy-denied', '--since', '1h', '--limit', '1', '-o', 'json');
    const { id } = JSON.parse(denials.stdout) as { id: string };
    expect(JSON.parse((await sidekey('logs', '--id', id, '-o', 'json')).stdout)).toMatchObject({ id });
    expect((await sidekey('logs', '--policy', 'nobody', '-o', 'json')).stdout).toBe('');
    expect(await sidekey('logs', '--reason', 'policy-denid')).toMatchObject({ code: 2 });
    const yaml = (await sidekey('logs', '-o', 'yaml', '--limit', '2')).stdout;
    expect(yaml.split('---\n').filter(Boolean)).toHaveLength(2);
    const first = await sidekey('logs', '--after', '0', '--limit', '1', '-o', 'json');
    const { position, at } = JSON.parse(first.stdout) as { position: number; at: string };
    const second = await sidekey('logs', '--after', String(position), '--limit', '1', '-o', 'json');
    expect(JSON.parse(second.stdout)).toMatchObject({ position: position + 1 });
    expect((await sidekey('logs', '--until', at, '-o', 'json')).stdout).toBe('');
    expect(await sidekey('logs', '--until', at, '--follow')).toMatchObject({ code: 2 });
    const verified = await sidekey('verify-log');
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.stdout).toContain('whole');
  }, 60_000);

  it('says what is wrong, with its exit code', async () => {
    expect(await sidekey('apply', '-f', '/nonexistent')).toMatchObject({ code: 2 });
    expect(await sidekey('nonsense')).toMatchObject({ code: 2 });
    const noUrl = { code: 2, stderr: expect.stringContaining('--url: not an http:// or https:// URL: here') };
    expect(await sidekey('doctor', '--url', 'here')).toMatchObject(noUrl);
    // The saved token goes to the saved server alone.
    const elsewhere = ['get', 'sessions', '--server', 'https://127.0.0.1:1'];
    expect(await sidekey(...elsewhere)).toMatchObject({ code: 2 });
    const tokenFile = join(home, 'other-token');
    writeFileSync(tokenFile, 'a-token-for-another-server');
    expect(await sidekey(...elsewhere, '--token-file', tokenFile)).toMatchObject({ code: 4 });
    expect((await sidekey('apply', '--help')).stdout).toContain('Examples:');
    const [, options = ''] = (await sidekey('proxy', '--help')).stdout.split('Options:');
    expect(Math.max(...(options.split('\n\n')[0] ?? '').split('\n').map(({ length }) => length))).toBeLessThanOrEqual(
      80,
    );
    expect(await sidekey('help', 'help')).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes:') });
  }, 60_000);
});
