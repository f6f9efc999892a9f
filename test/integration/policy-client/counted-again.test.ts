import { describe, expect, it } from 'vitest';
import { Denial } from '../../../proto/gen/sidekey/v1/grant.ts';
import { REASONS } from '../../../proto/reasons.ts';
import { useLinkedClients } from '../../support/policy-client/linked-clients.ts';
import { question, ROUTE } from '../../support/policy-client/policy-client.ts';
import { until } from '../../support/until.ts';

const link = useLinkedClients();

describe('a version that a restored database has counted to again', () => {
  it('asks again when an answer was decided under another policy of the same version', async () => {
    link.plane.snapshot = { policyChange: 'kept', routes: [ROUTE] };
    const client = await link.readyClient();
    link.plane.decide = (request, sessionId) => {
      const policyChange = link.plane.questions.length === 1 ? 'lost' : request.policyChange;
      return { $case: 'grant', value: link.plane.grantFor(request, sessionId, { policyChange }) };
    };
    const [route] = client.routes();
    const asked = await client.authorize(question(route && { route }));
    expect(asked).toMatchObject({ kind: 'grant', grant: { policyChange: 'kept' } });
    expect(link.plane.questions).toHaveLength(2);
  });

  it('drops a grant that was ahead of its snapshot, which then is of another change', async () => {
    const client = await link.readyClient();
    const lost = { policyVersion: 2, policyChange: 'lost' };
    link.plane.decide = (request, sessionId) => ({
      $case: 'grant',
      value: link.plane.grantFor(request, sessionId, lost),
    });
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', grant: lost });
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant', fromCache: true });
    link.plane.decide = () => ({
      $case: 'denial',
      value: Denial.fromPartial({ reason: REASONS['rule-denied'].number }),
    });
    link.plane.policyVersion = 2;
    link.plane.snapshot = { policyChange: 'kept' };
    link.plane.sendSnapshot();
    await until('the new policy', () => client.stats().policyVersion === 2);
    expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'rule-denied' });
  });
});
