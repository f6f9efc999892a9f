import type { SqlStore } from '../store/sql-store.ts';
import { ChainError, emptyHead, extendChain, headAcrossGap } from './chain.ts';
import { decodeRecord, type IndexedColumns, indexedColumns } from './decision-entry.ts';
import { describeError } from '../../common/errors.ts';

/** What checking one proxy instance's chain showed. */
export interface ChainReport {
  readonly instanceId: string;
  /** Records whose chain was proven, from the first on; those that are missing in between do not count. */
  readonly records: number;
  /** The first gaps: records that are missing before one that is there, whose predecessor's hash still speaks of them. */
  readonly gaps: readonly Gap[];
  readonly lastHash: string;
  /** Why the chain does not hold, or undefined. */
  readonly fault: string | undefined;
}

/** Sequences of the records that are missing. */
export interface Gap {
  readonly first: number;
  readonly last: number;
}

interface StoredLink extends IndexedColumns {
  readonly sequence: number;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
  readonly record: Buffer;
}

/** The head that is kept apart from the records; both null when its row is gone. */
interface KeptHead {
  readonly instance_id: string;
  readonly sequence: number | null;
  readonly hash: Buffer | null;
}

const PAGE = 1_000;
const MAX_GAPS = 20;

/**
 * Recomputes every chain of a tenant from its first record, compares its end with the head that is kept apart, and the
 * columns that are searched with the records themselves.
 */
export async function verifyChains(store: SqlStore, tenant: string, instance?: string): Promise<ChainReport[]> {
  const heads = await store.transaction(tenant, (tx) =>
    tx.query<KeptHead>(
      `select coalesce(h.instance_id, d.instance_id) as instance_id, h.sequence, h.hash
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

async function verifyChain(store: SqlStore, tenant: string, kept: KeptHead): Promise<ChainReport> {
  let head = emptyHead(kept.instance_id);
  // The hash where the kept head says that the chain ends: records that arrive meanwhile go on from there.
  let atKept = kept.sequence === 0 ? head.hash : undefined;
  let records = 0;
  const gaps: Gap[] = [];
  const report = (fault: string | undefined): ChainReport => ({
    instanceId: kept.instance_id,
    records,
    gaps,
    lastHash: head.hash.toString('hex'),
    fault,
  });
  let links: StoredLink[];
  do {
    links = await readLinks(store, tenant, kept.instance_id, head.sequence);
    for (const link of links) {
      try {
        const record = { ...link, previousHash: link.previous_hash };
        const beyond = headAcrossGap(head, record);
        if (beyond !== undefined && gaps.length < MAX_GAPS)
          gaps.push({ first: head.sequence + 1, last: beyond.sequence });
        head = extendChain(beyond ?? head, record);
        records += 1;
        compareColumns(link);
      } catch (error) {
        return report(describeError(error));
      }
      if (head.sequence === kept.sequence) atKept = head.hash;
    }
  } while (links.length === PAGE);
  if (kept.sequence === null || kept.hash === null) return report('the kept head is missing');
  if (head.sequence < kept.sequence) return report(`the last ${kept.sequence - head.sequence} records are missing`);
  if (atKept?.equals(kept.hash) !== true) return report('the end differs from the kept head');
  return report(describeGaps(gaps));
}

function describeGaps(gaps: readonly Gap[]): string | undefined {
  if (gaps.length === 0) return undefined;
  const ranges = gaps.map(({ first, last }) => `${first} to ${last}`);
  return `records ${ranges.join(', ')}${gaps.length < MAX_GAPS ? '' : ' and perhaps more'} are missing`;
}

/** What searches see must be what the chained bytes say. Throws ChainError. */
function compareColumns(link: StoredLink): void {
  const expected = indexedColumns(decodeRecord(link.record));
  const differing = Object.entries(expected).find(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(Object.getOwnPropertyDescriptor(link, name)?.value),
  );
  if (differing !== undefined) {
    throw new ChainError('chain-broken', `column ${differing[0]} of record ${link.sequence} differs from the record`);
  }
}

async function readLinks(store: SqlStore, tenant: string, instanceId: string, after: number): Promise<StoredLink[]> {
  return store.transaction(tenant, (tx) =>
    tx.query<StoredLink>(
      `select sequence, previous_hash, hash, record, decision_id, at, session_id, workloads, user_subject, host, port,
         server_workload, access_policy, method, path, outcome, reason, status from decisions
       where tenant = $1 and instance_id = $2 and sequence > $3 order by sequence limit ${PAGE}`,
      [tenant, instanceId, after],
    ),
  );
}
