import { afterEach, describe, expect, it } from 'vitest';
import { createPolicyClient, type PolicyClient } from '../../policy-client/index.ts';
import { EvidenceSubject } from '../../proto/gen/sidekey/v1/proxy.ts';
import { useBillingPlane } from '../support/worlds/billing-plane.ts';
import { until } from '../support/until.ts';

const PROXIES = 150;
const LONG_MS = 120_000;

describe('many proxies on one control plane', () => {
  const billing = useBillingPlane();
  let clients: PolicyClient[] = [];

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close(0)));
    clients = [];
  });

  it('start at once, and all hear of one revocation and of its end', { timeout: 2 * LONG_MS }, async () => {
    const { caPem, grpcAddress } = billing.plane.running;
    const token = Buffer.from(await billing.cluster.token('prod', 'billing'));
    const evidence = [{ kind: 'kubernetes', token, subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD }];
    clients = Array.from({ length: PROXIES }, () =>
      createPolicyClient({ address: grpcAddress, caPem, tenant: 'default', evidence: async () => evidence }),
    );
    const heard = new Set<PolicyClient>();
    for (const client of clients) {
      client.onRevocation(() => heard.add(client));
      await client.start();
    }
    await Promise.all(clients.map((client) => client.ready));
    await billing.revoke('policy', 'read');
    await until('all heard', () => heard.size === PROXIES, LONG_MS);
    await billing.lift('policy', 'read');
    await until('all heard', () => clients.every((client) => client.stats().activeRevocations === 0), LONG_MS);
    expect(new Set(clients.map((client) => client.session()?.id)).size).toBe(PROXIES);
  });
});
