import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../../control-plane/store/migrate.ts';
import { openPglite } from '../../../control-plane/store/pglite-store.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { CHANNELS, notifyFrom } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';

describe.skipIf(!hasPostgres)('start-up on postgresql', () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('migrates once when several replicas start at once on an empty database', async () => {
    const url = await server.createDatabase();
    const replicas = await Promise.all(Array.from({ length: 5 }, () => openStore({ url })));
    const rows = await replicas[0]?.system((tx) => tx.query('select name from tenants'));
    expect(rows).toEqual([{ name: 'default' }]);
    await Promise.all(replicas.map((replica) => replica.close()));
  });

  it('works as an ordinary user who may create roles', async () => {
    const url = await server.createDatabase();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('drop role if exists sidekey_tenant, sidekey_system').catch(() => {});
    await client.query(
      "create role app login createrole password 'x'; grant create on schema public to app; grant create on database " +
        new URL(url).pathname.slice(1) +
        ' to app',
    );
    await client.end();
    const mine = new URL(url);
    mine.username = 'app';
    mine.password = 'x';
    const store = await openStore({ url: mine.href });
    expect(await store.system((tx) => tx.query('select name from tenants'))).toEqual([{ name: 'default' }]);
    await expect(store.transaction('default', (tx) => tx.query('select * from signing_keys'))).rejects.toThrow(
      /permission denied/,
    );
    await store.close();
    const raw = new pg.Client({ connectionString: mine.href });
    await raw.connect();
    const { rows } = await raw.query('select * from tenants');
    await raw.end();
    expect(rows).toEqual([]);
  });

  it.each(['LATIN1', 'SQL_ASCII'])('refuses a database encoded in %s', async (encoding) => {
    const url = new URL(await server.createDatabase());
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query(`create database in_${encoding} encoding '${encoding}' locale 'C' template template0`);
    await client.end();
    url.pathname = `/in_${encoding.toLowerCase()}`;
    await expect(openStore({ url: url.href })).rejects.toThrow(`the database is encoded in ${encoding}`);
  });

  it('refuses a store of a newer release', async () => {
    const url = await server.createDatabase();
    await (await openStore({ url })).close();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("insert into schema_migrations (version, name) values (999, 'future')");
    await client.end();
    await expect(openStore({ url })).rejects.toMatchObject({
      code: 'store-too-new',
      message: expect.stringMatching(/schema 999, .*: start that release, or restore the backup/),
    });
  });

  it('listens again after its connection was cut, and says that there was a gap', async () => {
    const url = await server.createDatabase();
    const store = await openStore({ url });
    const heard: string[] = [];
    let gaps = 0;
    await store.listen(
      CHANNELS.revocation,
      (payload) => heard.push(payload),
      () => {
        gaps += 1;
      },
    );
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sidekey' and query ilike 'listen%' and datname = current_database()",
    );
    await client.end();
    await expect.poll(() => gaps, { timeout: 10_000 }).toBe(1);
    await store.system((tx) => notifyFrom(tx, CHANNELS.revocation, 'again'));
    await expect.poll(() => heard).toEqual(['again']);
    await store.close();
  });
});

describe('start-up on pglite', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sidekey-store-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('keeps its rows in the folder, and lets one process in at a time', async () => {
    const first = await openStore({ dataDir: folder });
    await first.system((tx) => tx.query("insert into tenants (name) values ('kept')"));
    await expect(openStore({ dataDir: folder })).rejects.toMatchObject({ code: 'store-locked' });
    await first.close();
    const again = await openStore({ dataDir: folder });
    expect(await again.system((tx) => tx.query("select name from tenants where name = 'kept'"))).toHaveLength(1);
    await again.close();
    expect((await readdir(folder)).filter((name) => name.includes('lock'))).toEqual([]);
  }, 120_000);

  // PGlite is PostgreSQL 18, where whoever makes a role may not act as it before granting it to oneself.
  it('works as an ordinary user who may create roles, and says what one lacks who may not', async () => {
    const raw = await openPglite(undefined);
    const become = (user: string, attributes: string): Promise<void> =>
      raw.transaction(async (tx) => {
        await tx.script('set session authorization postgres');
        await tx.script(`create role ${user} login ${attributes}; grant create on schema public to ${user}`);
        await tx.script(`set session authorization ${user}`);
      });
    await become('powerless', '');
    await expect(migrate(raw)).rejects.toMatchObject({
      code: 'store-role-refused',
      message: expect.stringContaining('sidekey_tenant'),
    });
    await become('app', 'createrole');
    await migrate(raw);
    await migrate(raw);
    expect(await raw.store.system((tx) => tx.query('select name from tenants'))).toEqual([{ name: 'default' }]);
    expect(await raw.transaction((tx) => tx.query('select name from tenants'))).toEqual([]);
    await raw.store.close();
  }, 90_000);

  it('refuses a URL that is not of PostgreSQL, without printing it', async () => {
    await expect(openStore({ url: 'mysql://user:hunter2@db/x' })).rejects.toThrow(/postgres:\/\//);
    await expect(openStore({ url: 'mysql://user:hunter2@db/x' })).rejects.not.toThrow(/hunter2/);
  });
});
