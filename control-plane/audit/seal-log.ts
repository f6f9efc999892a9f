import type { Clock } from '../../common/clock.ts';
import type { SigningKeys } from '../credentials/signing-keys.ts';
import type { Sql, SqlStore } from '../store/sql-store.ts';
import { digestOfStatement, type SealedHead, signCheckpoint } from './checkpoint.ts';

export interface SealOptions {
  readonly store: SqlStore;
  readonly keys: SigningKeys;
  readonly clock: Clock;
}

const MAX_HEADS = 500;

/** Signs where the chains of every tenant stand that have grown since their last checkpoint. */
export async function sealLogs(options: SealOptions): Promise<void> {
  const grown = await options.store.system((tx) =>
    tx.query<{ tenant: string; chains: number }>(
      'select tenant, count(*) as chains from decision_heads where sequence > sealed_sequence group by tenant',
    ),
  );
  for (const { tenant, chains } of grown) {
    // Chains go on growing meanwhile: as many as had grown when this began.
    for (let left = chains; left > 0; ) {
      const sealed = await sealLog(options, tenant);
      if (sealed === 0) break;
      left -= sealed;
    }
  }
}

/** One checkpoint of one tenant; how many chains it covers, none when nothing has grown, or another replica is at it. */
export async function sealLog({ store, keys, clock }: SealOptions, tenant: string): Promise<number> {
  return store.transaction(tenant, async (tx) => {
    const [lock] = await tx.query<{ held: boolean }>(
      'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as held',
      [`checkpoints ${tenant}`],
    );
    if (lock?.held !== true) return 0;
    const heads = await readGrown(tx, tenant);
    if (heads.length === 0) return 0;
    const [last] = await tx.query<{ number: number; statement: string }>(
      'select number, statement from decision_checkpoints where tenant = $1 order by number desc limit 1',
      [tenant],
    );
    const number = (last?.number ?? 0) + 1;
    const previous = digestOfStatement(last?.statement);
    const at = new Date(clock.now()).toISOString();
    const statement = await signCheckpoint({ tenant, number, previous, at, heads }, keys);
    await tx.query('insert into decision_checkpoints (tenant, number, statement) values ($1, $2, $3)', [
      tenant,
      number,
      statement,
    ]);
    await tx.query(
      `update decision_heads h set sealed_sequence = s.sequence
       from jsonb_to_recordset($2::jsonb) as s(instance text, sequence bigint)
       where h.tenant = $1 and h.instance_id = s.instance`,
      [tenant, JSON.stringify(heads)],
    );
    return heads.length;
  });
}

/** Of one moment: a record that is stored while this runs is the next checkpoint's. */
async function readGrown(tx: Sql, tenant: string): Promise<SealedHead[]> {
  const rows = await tx.query<{ instance_id: string; sequence: number; hash: Buffer }>(
    `select instance_id, sequence, hash from decision_heads where tenant = $1 and sequence > sealed_sequence
     order by updated_at limit ${MAX_HEADS}`,
    [tenant],
  );
  return rows.map(({ instance_id: instance, sequence, hash }) => ({ instance, sequence, hash: hash.toString('hex') }));
}
