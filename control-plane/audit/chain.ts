import { genesisHash, nextHash } from '../../common/decision-chain.ts';
import { SidekeyError } from '../../common/errors.ts';
import type { ChainedRecord } from '../../proto/gen/sidekey/v1/decision.ts';

/**
 * A record does not continue its instance's chain; codes: chain-gap, chain-broken, chain-conflict, record-malformed,
 * record-foreign.
 */
export class ChainError extends SidekeyError {}

/** Where a chain stands: the last stored sequence and its hash. */
export interface ChainHead {
  readonly sequence: number;
  readonly hash: Buffer;
}

/** Code chain-gap: records are missing between the stored end of the chain and the first that came. */
export class ChainGap extends ChainError {
  readonly head: ChainHead;

  constructor(head: ChainHead, next: ChainedRecord) {
    super('chain-gap', `record ${next.sequence} does not follow record ${head.sequence}`);
    this.head = head;
  }
}

/** The head of a chain of which nothing is stored. */
export function emptyHead(instanceId: string): ChainHead {
  return { sequence: 0, hash: genesisHash(instanceId) };
}

/** Checks that `record` is the one right after `head`, and gives the new head. Throws ChainError. */
export function extendChain(head: ChainHead, record: ChainedRecord): ChainHead {
  if (record.sequence !== head.sequence + 1) {
    throw new ChainGap(head, record);
  }
  if (!record.previousHash.equals(head.hash)) {
    throw new ChainError('chain-broken', `record ${record.sequence} names another predecessor`);
  }
  if (!record.hash.equals(nextHash(head.hash, record.record))) {
    throw new ChainError('chain-broken', `record ${record.sequence} does not have the hash of its content`);
  }
  return { sequence: record.sequence, hash: record.hash };
}

/** The head that `next` says it follows, when there is a gap before it; undefined when there is none. */
export function headAcrossGap(head: ChainHead, next: ChainedRecord): ChainHead | undefined {
  return next.sequence > head.sequence + 1 ? { sequence: next.sequence - 1, hash: next.previousHash } : undefined;
}

/** True when both name the same end of a chain. */
export function isSameHead(head: ChainHead, other: ChainHead): boolean {
  return head.sequence === other.sequence && head.hash.equals(other.hash);
}
