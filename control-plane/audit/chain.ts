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

/** The head of a chain of which nothing is stored. */
export function emptyHead(instanceId: string): ChainHead {
  return { sequence: 0, hash: genesisHash(instanceId) };
}

/** Checks that `record` is the one right after `head`, and gives the new head. Throws ChainError. */
export function extendChain(head: ChainHead, record: ChainedRecord): ChainHead {
  if (record.sequence !== head.sequence + 1) {
    throw new ChainError('chain-gap', `record ${record.sequence} does not follow record ${head.sequence}`);
  }
  if (!record.previousHash.equals(head.hash)) {
    throw new ChainError('chain-broken', `record ${record.sequence} names another predecessor`);
  }
  if (!record.hash.equals(nextHash(head.hash, record.record))) {
    throw new ChainError('chain-broken', `record ${record.sequence} does not have the hash of its content`);
  }
  return { sequence: record.sequence, hash: record.hash };
}
