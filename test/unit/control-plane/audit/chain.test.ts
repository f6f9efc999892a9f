import { expect, test } from 'vitest';
import { nextHash } from '../../../../common/decision-chain.ts';
import {
  ChainError,
  ChainGap,
  type ChainHead,
  emptyHead,
  extendChain,
  headAcrossGap,
  isSameHead,
} from '../../../../control-plane/audit/chain.ts';
import { ChainedRecord } from '../../../../proto/gen/sidekey/v1/decision.ts';

function follow(head: ChainHead, changes: Partial<ChainedRecord> = {}): ChainedRecord {
  const record = Buffer.from('a decision');
  const whole = { sequence: head.sequence + 1, previousHash: head.hash, record, hash: nextHash(head.hash, record) };
  return ChainedRecord.fromPartial({ ...whole, ...changes });
}

const first = emptyHead('proxy-1');
const second = extendChain(first, follow(first));
const other = Buffer.alloc(32, 7);

test('a chain grows by the record that follows, and by no other', () => {
  expect(second).toEqual({ sequence: 1, hash: follow(first).hash });
  const fault = (changes: Partial<ChainedRecord>): unknown => {
    try {
      return extendChain(second, follow(second, changes));
    } catch (error) {
      return error;
    }
  };
  for (const sequence of [1, 3]) expect(fault({ sequence })).toBeInstanceOf(ChainGap);
  for (const changes of [{ previousHash: other }, { hash: other }, { record: Buffer.from('another one') }]) {
    expect(fault(changes)).toBeInstanceOf(ChainError);
    expect(fault(changes)).toMatchObject({ code: 'chain-broken' });
  }
});

test('a gap is told by what comes behind it', () => {
  expect(headAcrossGap(second, follow(second))).toBeUndefined();
  expect(headAcrossGap(second, follow(second, { sequence: 1 }))).toBeUndefined();
  expect(headAcrossGap(second, follow(second, { sequence: 5, previousHash: other }))).toEqual({
    sequence: 4,
    hash: other,
  });
});

test('two ends are the same by number and hash', () => {
  expect(isSameHead(second, { ...second })).toBe(true);
  expect(isSameHead(second, { ...second, hash: other })).toBe(false);
  expect(isSameHead(second, { ...second, sequence: 2 })).toBe(false);
});
