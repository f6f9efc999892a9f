import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../control-plane/store/open-store.ts';
import { CHANNELS, notifyFrom } from '../../../control-plane/store/sql-store.ts';
import { hasPostgres, startPostgres, type TestPostgres } from '../../support/control-plane/postgres.ts';
import { freePort } from '../../support/free-port.ts';

const hasPooler = spawnSync('pgbouncer', ['--version']).status === 0;

describe.skipIf(!hasPostgres || !hasPooler)('PostgreSQL behind PgBouncer (it needs both)', () => {
  let server: TestPostgres;
  let folder: string;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    server = await startPostgres();
    folder = mkdtempSync(join(tmpdir(), 'sidekey-pooler-'));
    chmodSync(folder, 0o755);
  }, 60_000);
  afterEach(() => stop());
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The URL of a database that is pooled so. */
  async function pooledBy(mode: 'session' | 'transaction'): Promise<string> {
    const url = new URL(await server.createDatabase());
    const port = await freePort();
    const file = join(folder, 'pgbouncer.ini');
    writeFileSync(
      file,
      `[databases]
${url.pathname.slice(1)} = host=127.0.0.1 port=${url.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
ignore_startup_parameters = statement_timeout
`,
    );
    const asUser = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
    const pooler = spawn('pgbouncer', ['-q', ...asUser, file], { stdio: 'ignore' });
    const ended = once(pooler, 'exit');
    stop = async () => {
      pooler.kill('SIGKILL');
      await ended;
    };
    url.port = String(port);
    await expect.poll(() => answers(url.href), { timeout: 20_000 }).toBe(true);
    return url.href;
  }

  it('by transaction: is refused, as revocations of other replicas would be heard of late', async () => {
    await expect(openStore({ url: await pooledBy('transaction') })).rejects.toMatchObject({ code: 'store-deaf' });
  }, 60_000);

  it('by session: hears what others tell', async () => {
    const store = await openStore({ url: await pooledBy('session') });
    const heard: string[] = [];
    await store.listen(CHANNELS.policy, (tenant) => heard.push(tenant));
    await store.system((tx) => notifyFrom(tx, CHANNELS.policy, 'acme'));
    await expect.poll(() => heard).toEqual(['acme']);
    await store.close();
  }, 60_000);
});

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
