import { createPolicyClient, type PolicyClient, type PolicyClientOptions } from '../../../policy-client/index.ts';
import type { Question } from '../../../policy-client/index.ts';
import { DecisionRecord } from '../../../proto/gen/sidekey/v1/decision.ts';
import { EvidenceSubject } from '../../../proto/gen/sidekey/v1/proxy.ts';
import { DecisionFact, Route } from '../../../proto/gen/sidekey/v1/route.ts';
import type { FakeControlPlane } from '../../fakes/control-plane.ts';

export const ROUTE = Route.fromPartial({
  serverWorkload: 'api',
  hosts: ['api.example.com'],
  ports: [443],
  protocol: 'http',
  injectsCredential: true,
  decisionFacts: [DecisionFact.DECISION_FACT_PATH],
});

/** A question about `GET https://api.example.com/items`, with changes. */
export function question(changes: Partial<Question> = {}): Question {
  return {
    destination: { scheme: 'https', host: 'api.example.com', port: 443 },
    method: 'GET',
    path: '/items',
    route: ROUTE,
    ...changes,
  };
}

export function decisionRecord(changes: Partial<DecisionRecord> = {}): DecisionRecord {
  return DecisionRecord.fromPartial({ id: 'd1', at: new Date(0), method: 'GET', path: '/items', ...changes });
}

/** A client of the fake with short waits, not started. */
export function clientOf(plane: FakeControlPlane, changes: Partial<PolicyClientOptions> = {}): PolicyClient {
  const { limits, ...rest } = changes;
  return createPolicyClient({
    address: plane.address,
    caPem: plane.caPem,
    tenant: plane.tenant,
    evidence: async () => [
      { kind: 'oidc', token: Buffer.from('evidence'), subject: EvidenceSubject.EVIDENCE_SUBJECT_WORKLOAD },
    ],
    limits: { minBackoffMs: 10, maxBackoffMs: 50, recordFlushMs: 5, ...limits },
    ...rest,
  });
}
