import { describeError, UsageError } from '../../common/errors.ts';
import type { SigningKeys } from '../credentials/signing-keys.ts';
import type { SqlStore } from '../store/sql-store.ts';
import { type Checkpoint, CheckpointError, digestOfStatement, readCheckpoint } from './checkpoint.ts';

/** What checking a tenant's checkpoints against its log showed. */
export interface CheckpointReport {
  /** Statements that hold, from the first on. */
  readonly count: number;
  /** The last of them, to be kept where who can write the database cannot; undefined when there is none. */
  readonly latest: string | undefined;
  /** Last sealed sequence of each chain. */
  readonly sealed: ReadonlyMap<string, number>;
  /** Why they do not hold, or undefined. */
  readonly fault: string | undefined;
}

const PAGE = 500;

/**
 * Checks every statement: signature, number, link to the one before, and that the log still has the record with the hash
 * that it vouches for. `kept` is a statement from outside: the stored ones must contain it, or some were cut off. Throws
 * UsageError for one that says nothing of this log.
 */
export async function verifyCheckpoints(
  store: SqlStore,
  keys: SigningKeys,
  tenant: string,
  kept?: string,
): Promise<CheckpointReport> {
  const sealed = new Map<string, number>();
  let count = 0;
  let latest: string | undefined;
  const report = (fault: string | undefined): CheckpointReport => ({ count, latest, sealed, fault });
  const outside = kept === undefined ? undefined : await readKept(kept, keys, tenant);
  try {
    for (;;) {
      const page = await readStatements(store, tenant, count);
      for (const { number, statement } of page) {
        const content = await readOwn(statement, keys, tenant);
        if (content.number !== count + 1 || number !== content.number) {
          throw new CheckpointError(`checkpoint ${count + 1} is missing`);
        }
        if (content.previous !== digestOfStatement(latest)) {
          throw new CheckpointError(`checkpoint ${content.number} follows another one`);
        }
        if (outside?.number === content.number && kept !== statement) {
          throw new CheckpointError(`checkpoint ${content.number} is not the one that was kept`);
        }
        await compareWithLog(store, tenant, content);
        for (const { instance, sequence } of content.heads) sealed.set(instance, sequence);
        count = content.number;
        latest = statement;
      }
      if (page.length < PAGE) break;
    }
    if (outside !== undefined && outside.number > count) {
      throw new CheckpointError(`the log ends at checkpoint ${count}, before number ${outside.number} that was kept`);
    }
    return report(undefined);
  } catch (error) {
    return report(describeError(error));
  }
}

async function readKept(statement: string, keys: SigningKeys, tenant: string): Promise<Checkpoint> {
  const content = await readCheckpoint(statement, keys).catch((cause: unknown) => {
    const why = cause instanceof CheckpointError ? cause.message : 'the checkpoint cannot be read';
    throw new UsageError('checkpoint-unusable', `${why}; this log cannot be proven by it`, { cause });
  });
  if (content.tenant === tenant) return content;
  const message = `the checkpoint is of tenant "${content.tenant}", and this is the log of "${tenant}"`;
  throw new UsageError('checkpoint-unusable', message);
}

async function readOwn(statement: string, keys: SigningKeys, tenant: string): Promise<Checkpoint> {
  const content = await readCheckpoint(statement, keys);
  if (content.tenant !== tenant) throw new CheckpointError('the checkpoint is of another tenant');
  return content;
}

function readStatements(
  store: SqlStore,
  tenant: string,
  after: number,
): Promise<{ number: number; statement: string }[]> {
  return store.transaction(tenant, (tx) =>
    tx.query(
      `select number, statement from decision_checkpoints where tenant = $1 and number > $2 order by number limit ${PAGE}`,
      [tenant, after],
    ),
  );
}

async function compareWithLog(store: SqlStore, tenant: string, { number, heads }: Checkpoint): Promise<void> {
  const rows = await store.transaction(tenant, (tx) =>
    tx.query<{ instance_id: string; sequence: number; hash: Buffer }>(
      `select d.instance_id, d.sequence, d.hash from decisions d
       join jsonb_to_recordset($2::jsonb) as s(instance text, sequence bigint)
         on d.instance_id = s.instance and d.sequence = s.sequence
       where d.tenant = $1`,
      [tenant, JSON.stringify(heads)],
    ),
  );
  const stored = new Map(rows.map((row) => [`${row.instance_id} ${row.sequence}`, row.hash.toString('hex')]));
  for (const { instance, sequence, hash } of heads) {
    const found = stored.get(`${instance} ${sequence}`);
    if (found === undefined) {
      throw new CheckpointError(
        `record ${sequence} of ${instance}, which checkpoint ${number} vouches for, is missing`,
      );
    }
    if (found !== hash) {
      throw new CheckpointError(
        `record ${sequence} of ${instance} is not the one that checkpoint ${number} vouches for`,
      );
    }
  }
}
