import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ControlPlane } from '../../control-plane/main.ts';
import { curl } from '../support/agents/curl.ts';
import { hasPostgres, postgresProgram } from '../support/control-plane/postgres.ts';
import { restCall } from '../support/control-plane/rest-call.ts';
import { makeResource } from '../support/worlds/world-policy.ts';
import { type ReplicatedWorld, startReplicatedWorld } from '../support/worlds/replicated-world.ts';
import type { World } from '../support/worlds/world.ts';

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
  let replicated: ReplicatedWorld;
  let folder: string;
  let databaseUrl: string;
  let world: World;
  let other: ControlPlane;
  beforeAll(async () => {
    replicated = await startReplicatedWorld({ leaseSeconds: 600 });
    ({ databaseUrl, folder, other, world } = replicated);
  });
  afterAll(() => replicated.close());

  const apply = async (at: ControlPlane, resource: object): Promise<number> => {
    const { status, body } = await restCall(at, 'POST', '/v1/apply', { resources: [resource] });
    expect([status, body]).toEqual([200, expect.objectContaining({ policyVersion: expect.any(Number) })]);
    return (body as { policyVersion: number }).policyVersion;
  };
  const statusOf = async (path: string): Promise<number> => (await curl(world, path)).status;
  const eventually = { timeout: 15_000, interval: 100 };

  it.each(['one', 'other'])(
    'another change that counts to the same version is another policy (applied at %s)',
    async (where) => {
      const at = where === 'one' ? world.controlPlane : other;
      const file = join(folder, `${where}.dump`);
      await run(postgresProgram('pg_dump'), ['-Fc', databaseUrl, '-f', file]);
      const lost = await apply(at, policy('/v1/**', `/lost/${where}`));
      await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);

      await run(postgresProgram('pg_restore'), ['--clean', '--exit-on-error', '-1', '-d', databaseUrl, file]);
      expect(await apply(at, policy(`/kept/${where}`))).toBe(lost);
      await expect.poll(() => statusOf('/v1/items'), eventually).toBe(403);
      await expect.poll(() => statusOf(`/kept/${where}`), eventually).toBe(404);
    },
    60_000,
  );

  it('a revocation that is lost is told with its name, and once it is revoked again it holds', async () => {
    await apply(other, policy('/v1/**', '/revoked'));
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);
    const file = join(folder, 'unrevoked.dump');
    await run(postgresProgram('pg_dump'), ['-Fc', databaseUrl, '-f', file]);
    const told = vi.spyOn(process.stderr, 'write');
    const revoke = () => restCall(other, 'POST', '/v1/revocations', { target: 'workload', name: 'agent' });
    expect((await revoke()).status).toBe(201);
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(403);

    await run(postgresProgram('pg_restore'), ['--clean', '--exit-on-error', '-1', '-d', databaseUrl, file]);
    await restCall(other, 'POST', '/v1/revocations', { target: 'credential', name: 'another' });
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);
    await expect
      .poll(() => told.mock.calls.join(''), eventually)
      .toMatch(/lost revocations of tenant .+default.+: revoke again workload agent"/);
    told.mockRestore();
    expect((await revoke()).status).toBe(201);
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(403);
    await restCall(other, 'DELETE', '/v1/revocations', { target: 'workload', name: 'agent' });
    await expect.poll(() => statusOf('/v1/items'), eventually).toBe(200);
  }, 60_000);

  it('what replicas hold of a tenant and the database has lost is the same again at both', async () => {
    await apply(
      world.controlPlane,
      makeResource('AccessPolicy', 'agent-uses-api', {
        clientWorkload: 'agent',
        serverWorkload: 'api',
        credentials: [{ provider: 'api-token', inject: { type: 'placeholder', in: 'header', name: 'authorization' } }],
      }),
    );
    const held = async (at: ControlPlane): Promise<unknown> =>
      (await restCall(at, 'GET', '/v1/placeholders?workload=agent')).body;
    const lost = await held(world.controlPlane);
    expect(lost).toMatchObject({ placeholders: [{ placeholder: expect.stringMatching(/^sk_placeholder_/) }] });
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    await client.query("delete from sealed_secrets where name = 'placeholder-key'");
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await client.end();
    await expect.poll(() => held(other), eventually).toMatchObject({ placeholders: [expect.anything()] });
    const isOne = async (): Promise<boolean> =>
      JSON.stringify(await held(world.controlPlane)) === JSON.stringify(await held(other));
    await expect.poll(isOne, eventually).toBe(true);
    expect(await held(other)).not.toEqual(lost);
  }, 60_000);
});
