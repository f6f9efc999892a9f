import { SYSTEM_ROLE, TENANT_ROLE } from './sql-store.ts';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Row-level security for one table: the tenant role sees its own rows, the system role all, anybody else none. The user
 * who connects is a member of both and would inherit their policies, so these ask who the current user is.
 */
const AS_SYSTEM = `current_user = '${SYSTEM_ROLE}'`;
const asTenant = (column: string): string =>
  `current_user = '${TENANT_ROLE}' and ${column} = nullif(current_setting('sidekey.tenant', true), '')`;

const ALL = 'select, insert, update, delete';

/** For the control plane alone. */
const isolateSystem = (table: string): string => `
alter table ${table} enable row level security;
alter table ${table} force row level security;
create policy system_rows on ${table} to ${SYSTEM_ROLE} using (${AS_SYSTEM}) with check (${AS_SYSTEM});
grant ${ALL} on ${table} to ${SYSTEM_ROLE};`;

const isolate = (table: string, tenantGrant: string, column = 'tenant'): string => `${isolateSystem(table)}
create policy tenant_rows on ${table} to ${TENANT_ROLE} using (${asTenant(column)}) with check (${asTenant(column)});
grant ${tenantGrant} on ${table} to ${TENANT_ROLE};`;

const FIRST = `
create table tenants (
  name text primary key check (name ~ '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$'),
  metadata jsonb not null default '{}',
  spec jsonb not null default '{}',
  policy_version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
insert into tenants (name, metadata) values ('default', '{"name": "default"}');

create table resources (
  tenant text not null references tenants (name),
  kind text not null,
  name text not null,
  metadata jsonb not null,
  spec jsonb not null,
  version bigint not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, kind, name)
);

create table sealed_secrets (
  tenant text not null references tenants (name),
  name text not null,
  sealed bytea not null,
  key_id text not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, name)
);

create table sessions (
  tenant text not null references tenants (name),
  id text not null,
  instance_id text not null,
  key_thumbprint text not null,
  workloads text[] not null,
  trust_providers text[] not null default '{}',
  user_subject text,
  claims jsonb not null,
  evidence_hashes text[] not null default '{}',
  created_at timestamptz not null default now(),
  not_after timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, id)
);
create index sessions_not_after on sessions (not_after);

create table revocations (
  tenant text not null references tenants (name),
  id text not null,
  target text not null check (target in ('workload', 'policy', 'credential', 'user', 'session', 'tenant')),
  name text not null,
  reason text,
  created_by text not null default '',
  created_at timestamptz not null default now(),
  lifted_at timestamptz,
  lifted_by text,
  primary key (tenant, id)
);
create unique index revocations_in_force on revocations (tenant, target, name) where lifted_at is null;

create table decision_heads (
  tenant text not null references tenants (name),
  instance_id text not null,
  sequence bigint not null,
  hash bytea not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, instance_id)
);

create table decisions (
  position bigint generated always as identity,
  tenant text not null references tenants (name),
  instance_id text not null,
  sequence bigint not null check (sequence > 0),
  previous_hash bytea not null,
  hash bytea not null,
  record bytea not null,
  stored_at timestamptz not null default now(),
  decision_id text not null,
  at timestamptz not null,
  session_id text not null default '',
  workloads text[] not null default '{}',
  user_subject text not null default '',
  host text not null default '',
  port int not null default 0,
  server_workload text not null default '',
  access_policy text not null default '',
  method text not null default '',
  path text not null default '',
  outcome text not null,
  reason text not null,
  status int not null default 0,
  primary key (tenant, instance_id, sequence)
);
create index decisions_position on decisions (tenant, position);
create index decisions_at on decisions (tenant, at);
create index decisions_id on decisions (tenant, decision_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'decisions are append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger decisions_append_only before update or delete on decisions for each row execute function refuse_change();
create trigger decisions_no_truncate before truncate on decisions for each statement execute function refuse_change();

create table signing_keys (
  id text primary key,
  purpose text not null,
  sealed bytea not null,
  key_id text not null,
  created_at timestamptz not null default now(),
  signs_from timestamptz not null,
  verifies_until timestamptz not null
);

create table authorities (
  tenant text not null references tenants (name),
  id text not null,
  certificate bytea not null,
  sealed bytea not null,
  key_id text not null,
  created_at timestamptz not null default now(),
  not_after timestamptz not null,
  primary key (tenant, id)
);

${isolate('tenants', 'select, update (policy_version)', 'name')}
${isolate('resources', ALL)}
${isolate('sealed_secrets', ALL)}
${isolate('sessions', ALL)}
${isolate('revocations', 'select, insert, update')}
${isolate('decision_heads', 'select, insert, update')}
${isolate('decisions', 'select, insert')}
${isolate('authorities', ALL)}
${isolateSystem('signing_keys')}
grant usage on schema public to ${TENANT_ROLE}, ${SYSTEM_ROLE};
`;

const USED_PROOFS = `
create table used_proofs (
  key_thumbprint text not null,
  id text not null,
  expires_at timestamptz not null,
  primary key (key_thumbprint, id)
);
create index used_proofs_expires_at on used_proofs (expires_at);
${isolateSystem('used_proofs')}
`;

const CHECKPOINTS = `
alter table decision_heads add column sealed_sequence bigint not null default 0;
create table decision_checkpoints (
  tenant text not null references tenants (name),
  number bigint not null check (number > 0),
  statement text not null,
  created_at timestamptz not null default now(),
  primary key (tenant, number)
);
create trigger decision_checkpoints_append_only before update or delete on decision_checkpoints
  for each row execute function refuse_change();
create trigger decision_checkpoints_no_truncate before truncate on decision_checkpoints
  for each statement execute function refuse_change();
${isolate('decision_checkpoints', 'select, insert')}
`;

/** A proxy's sessions are looked for when it attests and when it reports; they stay for a day after they end. */
const SESSIONS_BY_INSTANCE = 'create index sessions_instance on sessions (tenant, instance_id);';

/** Of the revocations that come with that of a session, which session's: lifted, it takes them along. */
const REVOKED_WITH_SESSION = 'alter table revocations add column with_session text;';

/**
 * Row-level security hides the rows from the owner of the tables too, and `pg_dump` would leave them out: it reads as the system
 * role (docs/storage.md), and needs everything that there is.
 */
const READ_BY_DUMPS = `
grant select on schema_migrations to ${SYSTEM_ROLE};
grant select on all sequences in schema public to ${SYSTEM_ROLE};
`;

/** What a secret may be used for (control-plane/resources/secret-binding.ts), which is authenticated with it; empty: for anything. */
const BOUND_SECRETS = "alter table sealed_secrets add column bound_to text not null default '';";
/** One count for all tenants told each how much the others do. Those of a tenant's decisions go on from its last one. */
const POSITIONS_OF_A_TENANT = 'alter table decisions alter column position drop identity;';

/**
 * Versions are counted, and a database that lost its last changes counts to the same ones again. This tells the two apart, whichever
 * release makes the change.
 */
const POLICY_CHANGES = `
alter table tenants add column policy_change uuid not null default gen_random_uuid();
create function name_policy_change() returns trigger language plpgsql as $$
begin
  new.policy_change := gen_random_uuid();
  return new;
end $$;
create trigger tenants_policy_change before update of policy_version on tenants
  for each row execute function name_policy_change();
`;

/** In order; version n is the n-th. Append only: a migration that has shipped is never edited. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'first', sql: FIRST },
  { name: 'used-proofs', sql: USED_PROOFS },
  { name: 'decision-checkpoints', sql: CHECKPOINTS },
  { name: 'sessions-by-instance', sql: SESSIONS_BY_INSTANCE },
  { name: 'revoked-with-session', sql: REVOKED_WITH_SESSION },
  { name: 'read-by-dumps', sql: READ_BY_DUMPS },
  { name: 'bound-secrets', sql: BOUND_SECRETS },
  { name: 'positions-of-a-tenant', sql: POSITIONS_OF_A_TENANT },
  { name: 'policy-changes', sql: POLICY_CHANGES },
];
