import type { SqlStore } from '../store/sql-store.ts';
import { emptyHead, extendChain } from './chain.ts';
import { describeError } from '../../common/errors.ts';

/** What checking one proxy instance's chain showed. */
export interface ChainReport {
  readonly instanceId: string;
  /** Records whose chain was proven, from the first on. */
  readonly records: number;
  readonly lastHash: string;
  /** Why the chain does not hold, or undefined. */
  readonly fault: string | undefined;
}

interface StoredLink {
  readonly sequence: number;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
  readonly record: Buffer;
}

const PAGE = 1_000;

/** Recomputes every chain of a tenant from its first record, and compares its end with the head that is kept apart. */
export async function verifyChains(store: SqlStore, tenant: string, instance?: string): Promise<ChainReport[]> {
  const heads = await store.transaction(tenant, (tx) =>
    tx.query<{ instance_id: string; sequence: number; hash: Buffer }>(
      `select coalesce(h.instance_id, d.instance_id) as instance_id, coalesce(h.sequence, 0) as sequence,
         coalesce(h.hash, ''::bytea) as hash
       from decision_heads h full join (select distinct instance_id from decisions where tenant = $1) d using (instance_id)
       where coalesce(h.tenant, $1) = $1 and ($2::text is null or coalesce(h.instance_id, d.instance_id) = $2)
       order by 1`,
      [tenant, instance ?? null],
    ),
  );
  const reports: ChainReport[] = [];
  for (const head of heads) reports.push(await verifyChain(store, tenant, head));
  return reports;
}

async function verifyChain(
  store: SqlStore,
  tenant: string,
  kept: { instance_id: string; sequence: number; hash: Buffer },
): Promise<ChainReport> {
  let head = emptyHead(kept.instance_id);
  const report = (fault: string | undefined): ChainReport => ({
    instanceId: kept.instance_id,
    records: head.sequence,
    lastHash: head.hash.toString('hex'),
    fault,
  });
  let links: StoredLink[];
  do {
    links = await readLinks(store, tenant, kept.instance_id, head.sequence);
    for (const { sequence, previous_hash: previousHash, hash, record } of links) {
      try {
        head = extendChain(head, { sequence, previousHash, hash, record });
      } catch (error) {
        return report(describeError(error));
      }
    }
  } while (links.length === PAGE);
  // Records that arrived meanwhile may put the chain past the head as it was read; it must only never be behind.
  if (head.sequence < kept.sequence) return report(`the last ${kept.sequence - head.sequence} records are missing`);
  if (head.sequence === kept.sequence && !head.hash.equals(kept.hash))
    return report('the end differs from the kept head');
  return report(undefined);
}

async function readLinks(store: SqlStore, tenant: string, instanceId: string, after: number): Promise<StoredLink[]> {
  return store.transaction(tenant, (tx) =>
    tx.query<StoredLink>(
      `select sequence, previous_hash, hash, record from decisions
       where tenant = $1 and instance_id = $2 and sequence > $3 order by sequence limit ${PAGE}`,
      [tenant, instanceId, after],
    ),
  );
}
