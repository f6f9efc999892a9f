import { UsageError } from '../../common/errors.ts';
import type { RawSql } from './raw-store.ts';

/**
 * Makes the role when there is none, and sees to it that the user who connects may act as it. From PostgreSQL 16 on, who
 * makes a role is its member but may only administer it (CREATE ROLE, "createrole_self_grant"): membership says nothing, so
 * it is tried. Roles belong to the whole cluster, and another database may be making them at this moment.
 */
const enrolment = (role: string): string => `
do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
exception when duplicate_object or unique_violation then null;
end $$;
do $$ begin
  begin
    perform set_config('role', '${role}', true);
  exception when insufficient_privilege then
    execute format('grant ${role} to %I', session_user);
    perform set_config('role', '${role}', true);
  end;
  perform set_config('role', 'none', true);
end $$;`;

/** Throws UsageError when the user who connects may neither make the role nor act as it. */
export async function enrol(tx: RawSql, role: string): Promise<void> {
  try {
    await tx.script(enrolment(role));
  } catch (cause) {
    throw new UsageError(
      'store-role-refused',
      `the user of the database may not act as ${role}: connect as one with CREATEROLE once, or make that role and grant it`,
      { cause },
    );
  }
}
