import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { genesisHash, nextHash } from '../../../common/decision-chain.ts';
import { appendDecisions } from '../../../control-plane/audit/decision-log.ts';
import { followDecisions, queryDecisions } from '../../../control-plane/audit/query-decisions.ts';
import { verifyChains } from '../../../control-plane/audit/verify.ts';
import { DecisionRecord, Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { decisionChain } from '../../support/control-plane/decision-chain.ts';
import { describeStores } from '../../support/control-plane/stores.ts';

const PROXIES = 12;
const BATCHES = 8;

describeStores('decisions of many proxies at once', (fixture) => {
  it('all reach a follower, each once and in the order of their positions', async () => {
    const { store } = fixture();
    const seen: { position: number; id: string }[] = [];
    const stop = await followDecisions(store, 'default', {
      filter: {},
      from: undefined,
      onEntries: (entries) => seen.push(...entries),
      onError: (error) => expect.unreachable(String(error)),
    });
    await Promise.all(
      Array.from({ length: PROXIES }, async () => {
        const instanceId = randomUUID();
        let previousHash = genesisHash(instanceId);
        for (let sequence = 1; sequence <= BATCHES; sequence += 1) {
          const record = Buffer.from(
            DecisionRecord.encode(
              DecisionRecord.fromPartial({
                id: randomUUID(),
                at: new Date(),
                outcome: Outcome.OUTCOME_ALLOWED,
                reason: 1,
                instanceId,
              }),
            ).finish(),
          );
          const hash = nextHash(previousHash, record);
          await appendDecisions(store, 'default', instanceId, [{ sequence, previousHash, hash, record }]);
          previousHash = hash;
        }
      }),
    );
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(PROXIES * BATCHES);
    expect(new Set(seen.map((entry) => entry.id)).size).toBe(PROXIES * BATCHES);
    const positions = seen.map((entry) => entry.position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    await stop();
    const chains = await verifyChains(store, 'default');
    expect(chains.filter((chain) => chain.fault !== undefined)).toEqual([]);
    expect(chains).toHaveLength(PROXIES);
  });

  it('have positions that tell nothing of other tenants', async () => {
    const { store } = fixture();
    await store.system((tx) => tx.query("insert into tenants (name) values ('quiet'), ('busy')"));
    const positionsOf = async (tenant: string): Promise<number[]> =>
      (await queryDecisions(store, tenant, {})).map(({ position }) => position);
    await appendDecisions(store, 'quiet', 'quiet-proxy', decisionChain('quiet-proxy', 1, { workloads: [] }));
    await appendDecisions(store, 'busy', 'busy-proxy', decisionChain('busy-proxy', 5, { workloads: [] }));
    await appendDecisions(store, 'quiet', 'quiet-proxy', decisionChain('quiet-proxy', 3, { workloads: [] }));
    expect(await positionsOf('quiet')).toEqual([1, 2, 3]);
    expect(await positionsOf('busy')).toEqual([1, 2, 3, 4, 5]);
  });
});
