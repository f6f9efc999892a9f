import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../../control-plane/main.ts';
import { curl } from '../support/agents/curl.ts';
import { hasPostgres, postgresProgram, startPostgres, type TestPostgres } from '../support/control-plane/postgres.ts';
import { restCall } from '../support/control-plane/rest-call.ts';
import { makeResource } from '../support/worlds/world-policy.ts';
import { World } from '../support/worlds/world.ts';

const run = promisify(execFile);

/** The agent's policy with these rules, and no credential. */
const policy = (...paths: readonly string[]): object =>
  makeResource('AccessPolicy', 'agent-uses-api', {
    clientWorkload: 'agent',
    serverWorkload: 'api',
    trust: ['world'],
    rules: [{ methods: ['GET'], paths }],
    credentials: [{ provider: 'api-token', inject: { type: 'bearer' } }],
    leaseSeconds: 600,
  });

describe.skipIf(!hasPostgres)('a database that is put back under two control planes and a proxy', () => {
  let postgres: TestPostgres;
  let folder: string;
  let databaseUrl: string;
  let world: World;
  let other: ControlPlane;
  beforeAll(async () => {
    postgres = await startPostgres();
    folder = await mkdtemp(join(tmpdir(), 'sidekey-restored-'));
    databaseUrl = await postgres.createDatabase();
    const shared = { databaseUrl, sealingKeyFile: join(folder, 'sealing-key') };
    await writeFile(shared.sealingKeyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    world = await World.start({ controlPlane: shared, leaseSeconds: 600 });
    const loopback = { host: '127.0.0.1', port: 0 };
    other = await startControlPlane({
      ...shared,
      dataDir: join(folder, 'other'),
      grpcListen: loopback,
      restListen: loopback,
    });
  });
  afterAll(async () => {
    await other.close();
    await world.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const apply = async (at: ControlPlane, resource: object): Promise<number> => {
    const { status, body } = await restCall(at, 'POST', '/v1/apply', { resources: [resource] });
    expect([status, body]).toEqual([200, expect.objectContaining({ policyVersion: expect.any(Number) })]);
    return (body as { policyVersion: number }).policyVersion;
  };
  const statusOf = async (path: string): Promise<number> => (await curl(world, path)).status;
  const eventually = { timeout: 15_000, interval: 100 };

  it.each(['one', 'the other'])(
    'another change that counts to the same version is another policy (applied at %s)',
    async (where) => {
      const at = where === 'one' ? world.controlPlane : other;
      const file = join(folder, `${where}.dump`);
      await run(postgresProgram('pg_dump'), ['-Fc', databaseUrl, '-f', file]);
      const lost = await apply(at, policy('/v1/**', `/${where}`));
      await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);

      await run(postgresProgram('pg_restore'), ['--clean', '--exit-on-error', '-1', '-d', databaseUrl, file]);
      expect(await apply(at, policy('/v1/other'))).toBe(lost);
      await expect.poll(() => statusOf('/v1/items'), eventually).toBe(403);
      await expect.poll(() => statusOf('/v1/other'), eventually).toBe(200);
    },
    60_000,
  );

  it('a session that is lost with its last seconds is attested again, and no call fails for long', async () => {
    await apply(world.controlPlane, policy('/v1/**'));
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query('delete from sessions');
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await client.end();
    let path = 0;
    const statusOfNew = (): Promise<number> => statusOf(`/v1/items?${(path += 1)}`);
    await expect.poll(async () => (await world.rest('GET', '/v1/sessions')).status, eventually).toBe(200);
    await expect
      .poll(async () => ((await world.rest('GET', '/v1/sessions')).body as { sessions: unknown[] }).sessions.length, {
        timeout: 20_000,
      })
      .toBe(1);
    expect(await statusOfNew()).toBe(200);
  }, 60_000);
});
