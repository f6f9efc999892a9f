import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ControlPlaneProcess } from '../support/control-plane/control-plane-process.ts';
import { type DemandingApi, startDemandingApi } from '../support/upstreams/demanding-api.ts';
import { type ProcessEnd, runProcess } from '../support/process.ts';
import { type Service, startService } from '../support/service.ts';
import { TokenIssuer } from '../support/control-plane/token-issuer.ts';
import { worldPolicy } from '../support/worlds/world-policy.ts';

// Everything as in production: the bundled commands, each a process of its own, and kill -9.
describe.skipIf(!existsSync('dist/sidekey.js'))('processes that are killed (needs dist/: npm run build)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sidekey-killed-'));
  const addressFile = join(folder, 'address');
  const caFile = join(folder, 'proxy-ca.pem');
  const tokenFile = join(folder, 'token');
  const adminSocket = join(folder, 'admin');
  const issuer = new TokenIssuer('https://issuer.world.test');
  let answered = 0;
  let api: DemandingApi;
  let controlPlane: ControlPlaneProcess;
  let proxy: Service;

  const sidekey = (...args: string[]): Promise<ProcessEnd> =>
    runProcess([process.execPath, 'dist/sidekey.js', ...args], {
      PATH: process.env['PATH'],
      SIDEKEY_HOME: controlPlane.home,
    });

  async function startProxy(): Promise<Service> {
    writeFileSync(
      tokenFile,
      await issuer.sign(
        { sub: 'agent', jti: crypto.randomUUID(), exp: Math.floor(Date.now() / 1000) + 3600 },
        Date.now(),
      ),
    );
    rmSync(addressFile, { force: true });
    rmSync(caFile, { force: true });
    return startService(
      [
        ['proxy', '--control-plane', controlPlane.grpcAddress, '--control-plane-ca', controlPlane.caFile],
        ['--evidence', `oidc=${tokenFile}`, '--authority', 'issued', '--listen', '127.0.0.1:0'],
        ['--address-file', addressFile, '--ca-file', caFile, '--spool-dir', join(folder, 'spool')],
        ['--admin', adminSocket],
      ].flat(),
      { SIDEKEY_HOME: controlPlane.home },
      () => existsSync(addressFile) && existsSync(caFile),
    );
  }

  async function call(): Promise<number> {
    const through = ['--proxy', `http://${readFileSync(addressFile, 'utf8').trim()}`, '--cacert', caFile];
    const { stdout } = await runProcess(
      ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...through, `${api.url}/v1/items`],
      { PATH: process.env['PATH'] },
    );
    if (stdout === '200') answered += 1;
    return Number(stdout);
  }

  beforeAll(async () => {
    api = await startDemandingApi();
    controlPlane = await ControlPlaneProcess.start(folder);
    const resources = worldPolicy(issuer.jwks, api, {
      failMode: { type: 'stale', maxAgeSeconds: 600 },
      leaseSeconds: 1,
    });
    writeFileSync(join(folder, 'policy.yaml'), resources.map((resource) => stringify(resource)).join('---\n'));
    expect(await sidekey('apply', '-f', join(folder, 'policy.yaml'))).toMatchObject({ code: 0 });
    proxy = await startProxy();
    for (let tries = 0; (await call()) !== 200; tries += 1) if (tries > 100) throw new Error(proxy.output());
  }, 300_000);
  afterAll(async () => {
    await proxy.end('SIGTERM');
    await controlPlane.close();
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('the control plane dies in the middle of traffic and comes back: agents notice nothing, no record is lost', async () => {
    const statuses: number[] = [];
    let going = true;
    const traffic = (async () => {
      while (going) statuses.push(await call());
    })();
    await controlPlane.kill();
    // Past the lease, so that the fail mode admits and not the lease.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await controlPlane.startAgain();
    const count = statuses.length;
    await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(count + 20);
    going = false;
    await traffic;
    expect(new Set(statuses)).toEqual(new Set([200]));
    await expect.poll(countRecords, { timeout: 20_000 }).toBe(answered);
    expect((await sidekey('verify-log')).code).toBe(0);
  }, 60_000);

  it('the proxy dies and another takes over; the log stays whole', async () => {
    await proxy.end('SIGKILL');
    proxy = await startProxy();
    await expect.poll(() => call(), { timeout: 10_000 }).toBe(200);
    expect((await sidekey('verify-log')).code).toBe(0);
  }, 60_000);

  it.each([
    { end: 'SIGTERM', what: 'is asked to end', withinMs: 20_000 },
    // Another cannot know of a kill before it has seen no sign of life for a minute.
    { end: 'SIGKILL', what: 'is killed', withinMs: 150_000 },
  ] as const)(
    'the proxy $what while the control plane is away: the next one delivers its records',
    async ({ end, withinMs }) => {
      expect(await call()).toBe(200);
      await controlPlane.kill();
      for (let number = 0; number < 5; number += 1) expect(await call()).toBe(200);
      await expect.poll(spooledFiles, { timeout: 10_000 }).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      await proxy.end(end);
      await controlPlane.startAgain();
      proxy = await startProxy();
      await expect.poll(countRecords, { timeout: withinMs, interval: 1_000 }).toBe(answered);
      expect((await sidekey('verify-log')).code).toBe(0);
      await expect.poll(spooledFiles, { timeout: 10_000 }).toBe(0);
    },
    240_000,
  );

  function spooledFiles(): number {
    const files = readdirSync(join(folder, 'spool'), { recursive: true, encoding: 'utf8' });
    return files.filter((name) => name.endsWith('.records')).length;
  }

  it('the proxy says in its metrics how its records fare', async () => {
    const { stdout } = await runProcess(['curl', '-s', '--unix-socket', adminSocket, 'http://admin/metrics'], {
      PATH: process.env['PATH'],
    });
    for (const name of ['queued 0', 'lost 0']) expect(stdout).toContain(`sidekey_records_${name}\n`);
    expect(stdout).toContain('sidekey_record_refusals 0\n');
  });

  async function countRecords(): Promise<number> {
    const { stdout } = await sidekey('logs', '-o', 'json', '--limit', '1000', '--outcome', 'allowed');
    return stdout.split('\n').filter((line) => line !== '').length;
  }
});
