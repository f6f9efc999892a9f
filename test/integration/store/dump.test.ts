import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendDecisions } from '../../../control-plane/audit/decision-log.ts';
import { verifyChains } from '../../../control-plane/audit/verify.ts';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { decisionChain, storeSession } from '../../support/control-plane/decision-chain.ts';
import {
  hasPostgres,
  postgresProgram,
  startPostgres,
  type TestPostgres,
} from '../../support/control-plane/postgres.ts';

const run = promisify(execFile);

/** As docs/storage.md has them. */
const DUMP = 'pg_dump --role=sidekey_system --enable-row-security -Fc';
const RESTORE = 'pg_restore --exit-on-error';
const ROLES = [
  'create role sidekey_tenant nologin',
  'create role sidekey_system nologin',
  'grant sidekey_tenant, sidekey_system to sidekey',
];

async function tell(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A database of an ordinary user who owns it, such as managed services give. */
async function ownDatabase(server: TestPostgres, ...more: readonly string[]): Promise<string> {
  const url = new URL(await server.createDatabase());
  const name = url.pathname.slice(1);
  await tell(url.href, ...more, `alter database ${name} owner to sidekey`);
  url.username = 'sidekey';
  return url.href;
}

function call(command: string, ...args: readonly string[]): Promise<unknown> {
  const [program = '', ...options] = command.split(' ');
  return run(postgresProgram(program), [...options, ...args]);
}

describe.skipIf(!hasPostgres)('dump and restore by the user who owns the tables (it needs a PostgreSQL server)', () => {
  let servers: TestPostgres[];
  let folder: string;
  let full: string;
  beforeAll(async () => {
    servers = await Promise.all([startPostgres(), startPostgres()]);
    folder = await mkdtemp(join(tmpdir(), 'sidekey-dump-'));
    full = await ownDatabase(first(), 'create role sidekey login createrole');
    const store = await openStore({ url: full });
    await storeSession(store, 'default', { id: 's1', instanceId: 'proxy-one' });
    await appendDecisions(store, 'default', 'proxy-one', decisionChain('proxy-one', 4, { workloads: [] }));
    await store.system((tx) => tx.query("insert into tenants (name) values ('other')"));
    await store.close();
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  });
  const first = (): TestPostgres => servers[0] as TestPostgres;
  const second = (): TestPostgres => servers[1] as TestPostgres;

  it('is whole, in another cluster too', async () => {
    const file = join(folder, 'whole.dump');
    await call(DUMP, full, '-f', file);
    const url = await ownDatabase(second(), 'create role sidekey login', ...ROLES);
    await call(RESTORE, '-d', url, file);
    const store = await openStore({ url });
    expect(await verifyChains(store, 'default')).toMatchObject([{ records: 4, fault: undefined }]);
    expect(await store.transaction('other', (tx) => tx.query('select * from decisions'))).toEqual([]);
    // Positions go on, and what is append-only stays so.
    expect(await appendDecisions(store, 'default', 'proxy-one', decisionChain('proxy-one', 6, { workloads: [] }))).toBe(
      6,
    );
    const positions = await store.system((tx) => tx.query<{ position: number }>('select position from decisions'));
    expect(positions.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    await expect(store.system((tx) => tx.query('delete from decisions'))).rejects.toThrow('append-only');
    await store.close();
  });

  it('is refused without the role, and one that saw no rows is not started on', async () => {
    const file = join(folder, 'hollow.dump');
    await expect(call('pg_dump -Fc', full, '-f', file)).rejects.toThrow('row-level security');
    await call('pg_dump --enable-row-security -Fc', full, '-f', file);
    const url = await ownDatabase(first());
    await call(RESTORE, '-d', url, file);
    await expect(openStore({ url })).rejects.toMatchObject({ code: 'store-hollow' });
  });

  it('stands so in the documentation', () => {
    const page = readFileSync('docs/storage.md', 'utf8');
    for (const command of [DUMP, RESTORE, ...ROLES]) expect(page).toContain(command);
  });
});
