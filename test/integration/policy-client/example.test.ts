import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { FakeControlPlane } from '../../fakes/control-plane.ts';
import { ROUTE } from '../../support/policy-client/policy-client.ts';
import { runProcess } from '../../support/process.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const BUILT = existsSync(join(ROOT, 'dist/policy-client.js'));

/** A strict consumer of the published types, with what the documentation shows. */
const CONSUMER = `import { createPolicyClient, DecisionRecord, EvidenceSubject, Outcome, type Answer } from 'sidekey/policy-client';
const client = createPolicyClient({
  address: 'cp:7443', tenant: 'default',
  evidence: async () => [{ kind: 'oidc', token: Buffer.from(''), subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD }],
});
const [route] = client.routes();
if (route === undefined) throw new Error('none');
const destination = { scheme: 'https', host: 'api.example.com', port: 443 };
const answer: Answer = await client.authorize({ destination, method: 'GET', path: '/', route });
const text: string = answer.kind === 'grant' ? answer.grant.accessPolicy : answer.reason;
client.record(DecisionRecord.fromPartial({ path: text, outcome: Outcome.OUTCOME_ALLOWED }));
// @ts-expect-error a question needs its route
client.authorize({ destination, method: 'GET', path: '/' });
`;

describe.skipIf(!BUILT)('the policy client as a package of its own (needs dist/: npm run build)', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sidekey-example-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** What npm publishes, put where a program outside this repository finds it. */
  function install(at: string): void {
    const packed = spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', dir], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const archive = packed.stdout.trim().split('\n').at(-1) ?? '';
    mkdirSync(join(at, 'node_modules/sidekey'), { recursive: true });
    const into = ['-C', join(at, 'node_modules/sidekey'), '--strip-components=1'];
    expect(spawnSync('tar', ['-xzf', join(dir, archive), ...into]).status).toBe(0);
  }

  it('the example attests, asks twice, records both and prints no credential', { timeout: 120_000 }, async () => {
    const plane = new FakeControlPlane();
    plane.snapshot = { routes: [ROUTE] };
    await plane.start();
    try {
      install(dir);
      cpSync(join(ROOT, 'examples/policy-client/ask.mjs'), join(dir, 'ask.mjs'));
      writeFileSync(join(dir, 'ca.pem'), plane.caPem);
      writeFileSync(join(dir, 'token'), 'evidence\n');
      const env = {
        SIDEKEY_ADDRESS: plane.address,
        SIDEKEY_CA_FILE: join(dir, 'ca.pem'),
        SIDEKEY_TENANT: 'acme',
        SIDEKEY_EVIDENCE_FILE: join(dir, 'token'),
      };
      const command = [process.execPath, 'ask.mjs', 'https://api.example.com/items'];
      const end = await runProcess(command, env, { cwd: dir, timeoutMs: 60_000 });
      expect(end).toEqual({
        code: 0,
        stderr: '',
        stdout: `attested as agent
allowed by agent-to-api with api-token
allowed by agent-to-api with api-token, from the cache
`,
      });
      const recorded = plane.records.map(({ record }) => DecisionRecord.decode(record));
      const ok = REASONS.ok.number;
      expect(recorded.map(({ path, outcome, reason }) => [path, outcome, reason])).toEqual([
        ['/items', 1, ok],
        ['/items', 1, ok],
      ]);
    } finally {
      plane.stop();
    }
  });

  it('its types say what the documentation says', { timeout: 120_000 }, () => {
    // Within the repository, so that the types of what it depends on are found as after `npm install`.
    const at = join(ROOT, 'dist/test/consumer');
    rmSync(at, { recursive: true, force: true });
    install(at);
    writeFileSync(join(at, 'use.mts'), CONSUMER);
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
    ];
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const { stdout } = spawnSync(tsc, [...flags, '--ignoreConfig', join(at, 'use.mts')], { cwd: at, encoding: 'utf8' });
    rmSync(at, { recursive: true, force: true });
    expect(stdout).toBe('');
  });
});
