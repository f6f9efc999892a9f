import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restCall } from '../support/control-plane/rest-call.ts';
import { runProcess } from '../support/process.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';

const FULL = '/dev/full';
const isHere = existsSync('dist/sidekey.js') && existsSync(FULL);
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe.skipIf(!isHere)('a log that takes no more lines ends nothing (needs dist/: npm run build)', () => {
  let world: World;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    world = await World.start();
    await world.writeEvidence(join(world.folder, 'evidence'));
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await world.close();
  });

  /** Its log's disk is full, or its log's reader ends once `ready` holds. */
  async function start(log: string, args: readonly string[], ready: () => boolean): Promise<ChildProcess> {
    const full = openSync(FULL, 'w');
    const child = spawn(process.execPath, ['dist/sidekey.js', ...args], {
      env: { PATH: process.env['PATH'], SIDEKEY_HOME: world.folder },
      stdio: ['ignore', 'ignore', log === 'full' ? full : 'pipe'],
    });
    closeSync(full);
    children.push(child);
    child.stderr?.resume();
    await until(`sidekey ${args[0]} is up`, () => child.exitCode !== null || ready(), 180_000);
    child.stderr?.destroy();
    return child;
  }

  async function ends(child: ChildProcess): Promise<unknown> {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode;
  }

  it.each(['full', 'closed'])('of the control plane: %s', { timeout: 240_000 }, async (log) => {
    const [data, contextFile] = [join(world.folder, 'data'), join(world.folder, 'context.json')];
    rmSync(contextFile, { force: true });
    const listen = ['--grpc-listen', '127.0.0.1:0', '--rest-listen', '127.0.0.1:0'];
    const issuer = 'https://127.0.0.1:1';
    const admins = ['--admin-oidc-issuer', issuer, '--admin-oidc-audience', 'a', '--admin-oidc-claim', 'a=b'];
    const args = ['control-plane', '--data-dir', data, ...listen, ...admins];
    const child = await start(log, args, () => existsSync(contextFile));
    const { server, caFile } = JSON.parse(readFileSync(contextFile, 'utf8')) as Record<string, string>;
    const place = {
      restUrl: server ?? '',
      caPem: readFileSync(caFile ?? '', 'utf8'),
      bootstrapTokenFile: join(data, 'bootstrap-token'),
    };
    // The issuer cannot be reached, which goes into the log.
    const token = `${encode({ alg: 'ES256', kid: 'k' })}.${encode({ iss: issuer })}.${'A'.repeat(86)}`;
    const authorization = ['-H', `authorization: Bearer ${token}`];
    const curl = ['curl', '-sk', ...authorization, `${server}/v1/resources`];
    expect((await runProcess(curl, process.env)).stdout).toContain('keys could not be fetched');
    expect((await restCall(place, 'GET', '/v1/resources')).status).toBe(200);
    expect(await ends(child)).toBe(0);
  });

  it.each(['full', 'closed'])('of a proxy: %s', { timeout: 60_000 }, async (log) => {
    const [addressFile, caFile] = [join(world.folder, `${log}-address`), join(world.folder, `${log}-ca.pem`)];
    const child = await start(
      log,
      [
        ['proxy', '--control-plane', world.controlPlane.grpcAddress, '--listen', '127.0.0.1:0'],
        ['--control-plane-ca', join(world.folder, 'control-plane-ca.pem')],
        ['--evidence', `oidc=${join(world.folder, 'evidence')}`],
        ['--address-file', addressFile, '--ca-file', caFile, '--log-level', 'debug'],
      ].flat(),
      () => existsSync(addressFile) && existsSync(caFile),
    );
    const through = existsSync(addressFile) ? readFileSync(addressFile, 'utf8').trim() : 'none';
    const curl = ['curl', '-s', '--proxy', `http://${through}`, '--cacert', caFile, '-o', '/dev/null'];
    const call = [...curl, '-w', '%{http_code}', `${world.api.url}/v1/items`];
    const asked = async () => [(await runProcess(call, process.env)).stdout, child.exitCode, through];
    await expect.poll(asked, { timeout: 20_000 }).toEqual(['200', null, through]);
    expect(await ends(child)).toBe(0);
  });
});
