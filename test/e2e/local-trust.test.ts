import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { type Service, startService } from '../support/service.ts';

const USER = process.getuid?.() ?? -1;
const POLICY = `apiVersion: sidekey.dev/v1
kind: TrustProvider
metadata: { name: here }
spec: { type: local }
---
apiVersion: sidekey.dev/v1
kind: ClientWorkload
metadata: { name: me }
spec: { selectors: { all: [{ claim: local.uid, equals: "${USER}" }] } }
---
apiVersion: sidekey.dev/v1
kind: ServerWorkload
metadata: { name: api }
spec: { hosts: [api.test.example] }
---
apiVersion: sidekey.dev/v1
kind: AccessPolicy
metadata: { name: read }
spec: { clientWorkload: me, serverWorkload: api, trust: [here], rules: [{ methods: [GET] }] }
`;

// The bundle carries native code for this, so the bundle is what is tested.
describe.skipIf(process.platform !== 'linux' || !existsSync('dist/sidekey.js'))('local evidence (needs dist/)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-local-'));
  const home = join(folder, 'home');
  const socket = join(folder, 'trust.sock');
  const contextFile = join(home, 'context.json');
  let controlPlane: Service;

  const sidekey = (...args: string[]): Promise<ProcessEnd> =>
    runProcess([process.execPath, 'dist/sidekey.js', ...args], { PATH: process.env['PATH'], SIDEKEY_HOME: home });

  beforeAll(async () => {
    mkdirSync(home);
    const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0', '--local-trust-socket', socket];
    controlPlane = await startService(
      ['control-plane', '--data-dir', join(folder, 'data'), ...listen],
      { SIDEKEY_HOME: home },
      () => existsSync(contextFile),
    );
    writeFileSync(join(folder, 'policy.yaml'), POLICY);
    expect((await sidekey('apply', '-f', join(folder, 'policy.yaml'))).stderr).toBe('');
  });
  afterAll(async () => {
    await controlPlane.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  it('who the operating system says we are is who we are', async () => {
    const { grpc = '', caFile = '' } = JSON.parse(readFileSync(contextFile, 'utf8')) as Record<string, string>;
    const link = ['--control-plane', grpc, '--control-plane-ca', caFile, '--evidence', `local=${socket}`];
    const url = 'https://api.test.example/';
    const denied = await sidekey('run', '--isolation', 'off', ...link, '--', 'curl', '--silent', '-X', 'DELETE', url);
    expect(denied).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(denied.stdout)).toMatchObject({ code: 'rule-denied' });
    const logs = await sidekey('logs', '-o', 'json');
    expect(JSON.parse(logs.stdout)).toMatchObject({ workloads: ['me'], reason: 'rule-denied' });
  });

  it('an identity that nobody vouches for ends `run` with a reason', async () => {
    const { grpc = '', caFile = '' } = JSON.parse(readFileSync(contextFile, 'utf8')) as Record<string, string>;
    const link = ['--control-plane', grpc, '--control-plane-ca', caFile, '--evidence', `oidc=${contextFile}`];
    const end = await sidekey('run', '--log-level', 'silent', ...link, '--', 'true');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(
      'evidence-malformed: The evidence is not a well-formed token. Check the evidence file.',
    );
  });
});
