import type { Sql } from '../store/sql-store.ts';
import {
  API_VERSION,
  type Kind,
  KINDS,
  type PolicySet,
  type Resource,
  type ResourceOf,
  type SpecByKind,
  SPECS,
} from './kinds.ts';
import { parseResource } from './parse-resource.ts';
import { ResourceError } from './resource-error.ts';

interface Row {
  kind: string;
  name: string;
  metadata: unknown;
  spec: unknown;
}

/** Bounds how long one statement keeps everything else waiting. */
const ROWS_A_STATEMENT = 200;

/** Locks the tenant's row, so that changes of its resources come one after the other. */
export async function lockTenant(tx: Sql, tenant: string): Promise<{ version: number; maxResources: number }> {
  const [row] = await tx.query<{ policy_version: number; spec: unknown }>(
    'select policy_version, spec from tenants where name = $1 for update',
    [tenant],
  );
  if (row === undefined) throw new ResourceError('tenant-unknown', `there is no tenant "${tenant}"`);
  const spec = SPECS.Tenant.safeParse(row.spec);
  if (!spec.success) throw outdated({ kind: 'Tenant', name: tenant }, ['spec']);
  return { version: row.policy_version, maxResources: spec.data.maxResources };
}

/**
 * Resources of one tenant, of one kind or all, by kind and name. Tenants are read by `readTenants`. Throws ResourceError
 * `resource-outdated` for one that an older release stored and this one cannot read; those that `isReplaced` are left out.
 */
export async function readResources(
  tx: Sql,
  tenant: string,
  kind?: Kind,
  isReplaced: (kind: string, name: string) => boolean = () => false,
): Promise<Resource[]> {
  const rows = await tx.query<Row>(
    `select kind, name, metadata, spec from resources where tenant = $1 and ($2::text is null or kind = $2) order by kind, name`,
    [tenant, kind ?? null],
  );
  const found = parseRows(rows, ({ kind: ofKind, name }) => isReplaced(ofKind, name));
  return found.sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
}

/** Throws as `readResources` does. */
export async function readTenants(tx: Sql, isReplaced: (name: string) => boolean = () => false): Promise<Resource[]> {
  const rows = await tx.query<Row>(`select 'Tenant' as kind, name, metadata, spec from tenants order by name`);
  return parseRows(rows, ({ name }) => isReplaced(name));
}

/** Each kind and name at most once. */
export async function writeResources(
  tx: Sql,
  tenant: string,
  resources: readonly Resource[],
  version: number,
): Promise<void> {
  for (let start = 0; start < resources.length; start += ROWS_A_STATEMENT) {
    const some = resources.slice(start, start + ROWS_A_STATEMENT);
    await tx.query(
      `insert into resources (tenant, kind, name, metadata, spec, version)
       select $1, kind, name, metadata::jsonb, spec::jsonb, $6::bigint
         from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as wanted (kind, name, metadata, spec)
       on conflict (tenant, kind, name) do update
         set metadata = excluded.metadata, spec = excluded.spec, version = excluded.version, updated_at = now()`,
      [
        tenant,
        some.map(({ kind }) => kind),
        some.map(({ metadata }) => metadata.name),
        some.map(({ metadata }) => JSON.stringify(metadata)),
        some.map(({ spec }) => JSON.stringify(spec)),
        version,
      ],
    );
  }
}

export async function writeTenant(tx: Sql, resource: Resource): Promise<void> {
  await tx.query(
    `insert into tenants (name, metadata, spec) values ($1, $2::jsonb, $3::jsonb)
     on conflict (name) do update set metadata = excluded.metadata, spec = excluded.spec, updated_at = now()`,
    [resource.metadata.name, JSON.stringify(resource.metadata), JSON.stringify(resource.spec)],
  );
}

/** Everything that decides, for one tenant, as of this transaction. */
export async function loadPolicySet(tx: Sql, tenant: string): Promise<PolicySet> {
  const [row] = await tx.query<{ policy_version: number; policy_change: string }>(
    'select policy_version, policy_change from tenants where name = $1',
    [tenant],
  );
  if (row === undefined) throw new ResourceError('tenant-unknown', `there is no tenant "${tenant}"`);
  return { ...makePolicySet(tenant, row.policy_version, await readResources(tx, tenant)), change: row.policy_change };
}

export function makePolicySet(tenant: string, version: number, resources: readonly Resource[]): PolicySet {
  const specs = <K extends Kind>(kind: K): Map<string, SpecByKind[K]> => {
    const isOfKind = (one: Resource): one is Resource & ResourceOf<K> => one.kind === kind;
    return new Map(resources.filter(isOfKind).map((one: ResourceOf<K>) => [one.metadata.name, one.spec]));
  };
  return {
    tenant,
    version,
    change: '',
    trustProviders: specs('TrustProvider'),
    clientWorkloads: specs('ClientWorkload'),
    serverWorkloads: specs('ServerWorkload'),
    credentialProviders: specs('CredentialProvider'),
    accessConditions: specs('AccessCondition'),
    accessPolicies: specs('AccessPolicy'),
  };
}

/** Rows are parsed again as documents are, so that defaults of fields added since are filled in. */
function parseStored(row: Row): ReturnType<typeof parseResource> {
  return parseResource({
    apiVersion: API_VERSION,
    kind: row.kind,
    metadata: { ...(typeof row.metadata === 'object' ? row.metadata : {}), name: row.name },
    spec: row.spec,
  });
}

function parseRows(rows: readonly Row[], isReplaced: (row: Row) => boolean): Resource[] {
  return rows.flatMap((row) => {
    const parsed = parseStored(row);
    if (parsed.ok) return [parsed.resource];
    if (isReplaced(row)) return [];
    const fields = parsed.issues.map((issue) => issue.path.join('.'));
    throw outdated(row, fields);
  });
}

function outdated({ kind, name }: Pick<Row, 'kind' | 'name'>, fields: readonly string[]): ResourceError {
  return new ResourceError(
    'resource-outdated',
    `an older release stored ${kind}/${name}; apply it again as this release has it (${fields.join(', ')})`,
  );
}
