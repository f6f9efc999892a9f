import type { Secret } from '../../common/secret.ts';
import type { Sealer } from './sealing.ts';
import type { Sql } from './sql-store.ts';

/** What authenticates a tenant's secret: it opens in its own row only, and with what it was bound to. */
function secretContext(tenant: string, name: string, boundTo = ''): string {
  const row = `sealed_secrets\0${tenant}\0${name}`;
  return boundTo === '' ? row : `${row}\0${boundTo}`;
}

/** A secret, and the text of what it is bound to as it was sealed with it; empty: nothing. */
export interface OpenedSecret {
  readonly value: Secret;
  readonly boundTo: string;
}

export async function putSecret(
  tx: Sql,
  sealer: Sealer,
  tenant: string,
  name: string,
  { value, boundTo }: OpenedSecret,
): Promise<void> {
  await tx.query(
    `insert into sealed_secrets (tenant, name, sealed, key_id, bound_to) values ($1, $2, $3, $4, $5)
     on conflict (tenant, name) do update
       set sealed = excluded.sealed, key_id = excluded.key_id, bound_to = excluded.bound_to, updated_at = now()`,
    [tenant, name, sealer.seal(value, secretContext(tenant, name, boundTo)), sealer.keyId, boundTo],
  );
}

/** undefined when there is none of this name. Throws SealingError. */
export async function openSecret(
  tx: Sql,
  sealer: Sealer,
  tenant: string,
  name: string,
): Promise<OpenedSecret | undefined> {
  const [row] = await tx.query<{ sealed: Buffer; bound_to: string }>(
    'select sealed, bound_to from sealed_secrets where tenant = $1 and name = $2',
    [tenant, name],
  );
  if (row === undefined) return undefined;
  const { sealed, bound_to: boundTo } = row;
  return { value: sealer.open(sealed, secretContext(tenant, name, boundTo)), boundTo };
}

/** Deletes the secrets whose name starts with `prefix`. */
export async function deleteSecrets(tx: Sql, tenant: string, prefix: string): Promise<void> {
  await tx.query('delete from sealed_secrets where tenant = $1 and starts_with(name, $2)', [tenant, prefix]);
}

export function authorityContext(tenant: string, id: string): string {
  return `authorities\0${tenant}\0${id}`;
}

export function signingKeyContext(id: string): string {
  return `signing_keys\0${id}`;
}

interface SealedTable {
  readonly table: string;
  readonly key: readonly string[];
  /** Authenticated beside the key. */
  readonly bound?: string;
  readonly context: (...columns: string[]) => string;
}

const SEALED_TABLES: readonly SealedTable[] = [
  { table: 'sealed_secrets', key: ['tenant', 'name'], bound: 'bound_to', context: secretContext },
  { table: 'authorities', key: ['tenant', 'id'], context: authorityContext },
  { table: 'signing_keys', key: ['id'], context: signingKeyContext },
];

/** Seals everything again under the current key. Runs in a system transaction; resolves to how many values changed. */
export async function resealAll(tx: Sql, sealer: Sealer): Promise<number> {
  let resealed = 0;
  for (const { table, key, bound, context } of SEALED_TABLES) {
    const columns = bound === undefined ? key : [...key, bound];
    const rows = await tx.query<Record<string, string> & { sealed: Buffer }>(
      `select ${columns.join(', ')}, sealed from ${table} where key_id <> $1 for update`,
      [sealer.keyId],
    );
    for (const row of rows) {
      const values = key.map((column) => row[column] ?? '');
      const next = sealer.reseal(row.sealed, context(...columns.map((column) => row[column] ?? '')));
      if (next === undefined) continue;
      const where = key.map((column, index) => `${column} = $${index + 3}`).join(' and ');
      await tx.query(`update ${table} set sealed = $1, key_id = $2 where ${where}`, [next, sealer.keyId, ...values]);
      resealed += 1;
    }
  }
  return resealed;
}
