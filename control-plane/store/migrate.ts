import { SidekeyError, UsageError } from '../../common/errors.ts';
import { MIGRATIONS } from './migrations.ts';
import type { RawSql, RawStore } from './raw-store.ts';
import { enrol } from './roles.ts';
import { enterSystem, SYSTEM_ROLE, TENANT_ROLE } from './sql-store.ts';

/** Any fixed number: replicas that start at once wait for each other on it. */
const ADVISORY_LOCK = 7_433_291_001;

/** Applies the migrations that the database lacks, all in one transaction, one replica at a time. */
export async function migrate(raw: RawStore): Promise<void> {
  await raw.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [ADVISORY_LOCK]);
    await refuseOtherThanUtf8(tx);
    await tx.script(
      'create table if not exists schema_migrations (version int primary key, name text not null, applied_at timestamptz not null default now())',
    );
    const done = await tx.query<{ version: number }>('select version from schema_migrations');
    const applied = new Set(done.map((row) => row.version));
    const newest = Math.max(0, ...applied);
    if (newest > MIGRATIONS.length) {
      throw new SidekeyError(
        'store-too-new',
        `a newer release has migrated the store (to schema ${newest}, this one knows ${MIGRATIONS.length}): start that release, or restore the backup from before the upgrade`,
      );
    }
    for (const role of [TENANT_ROLE, SYSTEM_ROLE]) await enrol(tx, role);
    for (const [index, migration] of MIGRATIONS.entries()) {
      const version = index + 1;
      if (applied.has(version)) continue;
      await tx.script(migration.sql);
      await tx.query('insert into schema_migrations (version, name) values ($1, $2)', [version, migration.name]);
    }
    await refuseHollow(tx);
  });
}

/** A record whose names another encoding lacks would be refused for ever, and all that its proxy records after it. */
async function refuseOtherThanUtf8(tx: RawSql): Promise<void> {
  const [row] = await tx.query<{ encoding: string }>("select current_setting('server_encoding') as encoding");
  if (row?.encoding === 'UTF8') return;
  throw new UsageError('store-encoding', `the database is encoded in ${row?.encoding}: create it with encoding 'UTF8'`);
}

/** The tenant `default` is never deleted: without it, this is what a dump by a user who saw no row left. */
async function refuseHollow(tx: RawSql): Promise<void> {
  await enterSystem(tx);
  const tenants = await tx.query("select 1 as found from tenants where name = 'default'");
  if (tenants.length > 0) return;
  throw new SidekeyError(
    'store-hollow',
    'the database has the tables and none of their rows: restore a backup made with pg_dump --role=sidekey_system --enable-row-security',
  );
}
