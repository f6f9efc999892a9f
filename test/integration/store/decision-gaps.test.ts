import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type ChainHead, emptyHead } from '../../../control-plane/audit/chain.ts';
import { queryDecisions } from '../../../control-plane/audit/query-decisions.ts';
import { verifyChains } from '../../../control-plane/audit/verify.ts';
import type { ChainedRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { appendAttested, decisionChain } from '../../support/control-plane/decision-chain.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const TENANT = 'default';

describeStores('gaps in decision chains', (fixture) => {
  const verify = async (instance: string) => (await verifyChains(fixture().store, TENANT, instance))[0];
  const headAt = (records: readonly ChainedRecord[], sequence: number): ChainHead => {
    const record = records[sequence - 1];
    return { sequence, hash: record?.hash ?? Buffer.alloc(32) };
  };

  /** A chain of 10 of which `stored` are there. */
  async function begin(stored: number) {
    const instance = randomUUID();
    const records = decisionChain(instance, 10);
    const append = (from: number, to: number, missingAfter?: ChainHead): Promise<number> =>
      appendAttested(fixture().store, TENANT, instance, records.slice(from - 1, to), missingAfter);
    if (stored > 0) await append(1, stored);
    return { instance, records, append };
  }

  it('are refused, with the stored end, until the proxy says that it knows', async () => {
    const { instance, records, append } = await begin(3);
    const head = headAt(records, 3);
    await expect(append(6, 8)).rejects.toMatchObject({ code: 'chain-gap', head });
    const wrong = [headAt(records, 2), headAt(records, 5), { sequence: 3, hash: Buffer.alloc(32) }];
    for (const missingAfter of wrong) {
      await expect(append(6, 8, missingAfter)).rejects.toMatchObject({ code: 'chain-gap', head });
    }
    expect(await append(6, 8, head)).toBe(8);
    // Its acknowledgement was lost, so it comes again, at another replica and with what followed.
    expect(await append(6, 8, head)).toBe(8);
    expect(await append(7, 9, head)).toBe(9);
    expect(await append(10, 10)).toBe(10);
    expect(await verify(instance)).toMatchObject({
      records: 8,
      gaps: [{ first: 4, last: 5 }],
      fault: 'records 4 to 5 are missing',
    });
    const entries = await queryDecisions(fixture().store, TENANT, { instance, workload: 'odd' });
    expect(entries.map(({ sequence, missingBefore }) => [sequence, missingBefore])).toEqual([
      [2, undefined],
      [6, 2],
      [8, undefined],
      [10, undefined],
    ]);
  });

  it('may be at the very start, and again later', async () => {
    const { instance, records, append } = await begin(0);
    expect(await append(3, 4, emptyHead(instance))).toBe(4);
    expect(await append(7, 7, headAt(records, 4))).toBe(7);
    expect(await append(9, 10, headAt(records, 7))).toBe(10);
    expect((await verify(instance))?.fault).toBe('records 1 to 2, 5 to 6, 8 to 8 are missing');
  });

  it('hide no changed record: what follows still has to have the hash of its content, and what is stored stays', async () => {
    const { records, append, instance } = await begin(4);
    const other = decisionChain(instance, 10, { user: 'somebody else' });
    const replace = (from: number, to: number, missingAfter: ChainHead) =>
      appendAttested(fixture().store, TENANT, instance, other.slice(from - 1, to), missingAfter);
    await expect(replace(2, 6, headAt(records, 1))).rejects.toMatchObject({ code: 'chain-conflict' });
    await expect(replace(5, 6, headAt(records, 4))).rejects.toMatchObject({ code: 'chain-broken' });
    const [sixth] = records.slice(5);
    const changed = [{ ...sixth, hash: Buffer.alloc(32) }] as ChainedRecord[];
    await expect(appendAttested(fixture().store, TENANT, instance, changed, headAt(records, 4))).rejects.toMatchObject({
      code: 'chain-broken',
    });
    expect(await append(5, 10)).toBe(10);
    expect(await verify(instance)).toMatchObject({ records: 10, gaps: [], fault: undefined });
  });

  it('are for the own chain alone', async () => {
    const mine = await begin(2);
    const theirs = await begin(5);
    const stolen = theirs.records.slice(6);
    await expect(
      appendAttested(fixture().store, TENANT, mine.instance, stolen, headAt(mine.records, 2)),
    ).rejects.toMatchObject({ code: 'record-foreign' });
    await expect(
      appendAttested(fixture().store, TENANT, mine.instance, mine.records.slice(6), headAt(theirs.records, 5)),
    ).rejects.toMatchObject({ code: 'chain-gap' });
    expect(await verify(theirs.instance)).toMatchObject({ records: 5, fault: undefined });
    expect(await verify(mine.instance)).toMatchObject({ records: 2, fault: undefined });
  });
});
