import { genesisHash, nextHash } from '../../../common/decision-chain.ts';
import { appendDecisions } from '../../../control-plane/audit/decision-log.ts';
import type { SqlStore } from '../../../control-plane/store/sql-store.ts';
import { type ChainedRecord, DecisionRecord, Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';

/** The hash chain of a proxy instance: a chain of `count` records. */
export function decisionChain(
  instanceId: string,
  count: number,
  changes: Partial<DecisionRecord> = {},
): ChainedRecord[] {
  let previousHash = genesisHash(instanceId);
  return Array.from({ length: count }, (_, index) => {
    const record = Buffer.from(
      DecisionRecord.encode(
        DecisionRecord.fromPartial({
          id: `${instanceId}-${index + 1}`,
          at: new Date(1_700_000_000_000 + index),
          workloads: [index % 2 === 0 ? 'even' : 'odd'],
          destination: { scheme: 'https', host: 'api.example.com', port: 443 },
          outcome: index % 2 === 0 ? Outcome.OUTCOME_ALLOWED : Outcome.OUTCOME_DENIED,
          reason: index % 2 === 0 ? 1 : 4,
          path: '/a\0b',
          instanceId,
          ...changes,
        }),
      ).finish(),
    );
    const link = { sequence: index + 1, previousHash, hash: nextHash(previousHash, record), record };
    previousHash = link.hash;
    return link;
  });
}

/** Stores a session of the instance, as an attestation would. */
export async function storeSession(
  store: SqlStore,
  tenant: string,
  { id, instanceId, user }: { readonly id: string; readonly instanceId: string; readonly user?: string },
): Promise<void> {
  await store.transaction(tenant, (tx) =>
    tx.query(
      `insert into sessions (tenant, id, instance_id, key_thumbprint, workloads, user_subject, claims, not_after)
       values ($1, $2, $3, 'k', '{even,odd}', $4, '{}', now()) on conflict do nothing`,
      [tenant, id, instanceId, user ?? null],
    ),
  );
}

/** As `appendDecisions`, of an instance that has attested. */
export async function appendAttested(...given: Parameters<typeof appendDecisions>): Promise<number> {
  const [store, tenant, instanceId] = given;
  await storeSession(store, tenant, { id: `session of ${instanceId}`, instanceId });
  return appendDecisions(...given);
}
