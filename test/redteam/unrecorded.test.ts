import { expect, test } from 'vitest';
import { Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import { DecisionRecord } from '../../proto/gen/sidekey/v1/decision.ts';
import { decisionRecord, question } from '../support/policy-client.ts';
import { useLinkedClients } from '../support/linked-clients.ts';
import { until } from '../support/until.ts';

// An agent that is denied as fast as it can ask fills the room for records sooner than they are stored. What it does
// then must not be missing in the log.
const links = useLinkedClients();
const LONG_PATH = `/${'a'.repeat(4_000)}`;

const denied = (id: number) => decisionRecord({ id: `denied-${id}`, path: LONG_PATH, outcome: Outcome.OUTCOME_DENIED });
const allowed = (id: string) => decisionRecord({ id, grantId: 'g1', outcome: Outcome.OUTCOME_ALLOWED });

test('a call whose record would find no room does not go out, and one that is out is recorded', async () => {
  const client = await links.readyClient({ limits: { maxRecordMemoryBytes: 100_000, spoolAfterMs: 50 } });
  expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
  links.plane.acknowledge = false;
  for (let id = 0; id < 2_000; id += 1) client.record(denied(id));
  expect(await client.authorize(question())).toMatchObject({ kind: 'denial', reason: 'overloaded' });
  // One that was under way.
  client.record(allowed('under-way'));
  await until('losses were seen', () => client.stats().recordsLost > 0);

  links.plane.acknowledge = true;
  client.record(allowed('later'));
  await until('all were acknowledged', () => client.stats().recordsQueued === 0);
  const ids = links.plane.records.map(({ record }) => DecisionRecord.decode(record).id);
  expect(ids).toContain('under-way');
  expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
}, 60_000);
