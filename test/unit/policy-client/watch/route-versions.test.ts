import { expect, it } from 'vitest';
import { RouteVersions } from '../../../../policy-client/watch/route-versions.ts';
import { DecisionFact, Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { question, ROUTE } from '../../../support/policy-client/policy-client.ts';

const PARTS = {
  decisionFacts: [DecisionFact.DECISION_FACT_HEADERS, DecisionFact.DECISION_FACT_JSON],
  selectors: ['header:x-a', 'json:/a'],
};

it.each<[string, Partial<Route>, boolean]>([
  ['the same parts', {}, true],
  ['another header, since all are there', { selectors: ['header:x-b', 'json:/a'] }, true],
  ['a member that nobody read', { selectors: ['header:x-a', 'json:/a', 'json:/b'] }, false],
  ['fewer members than were read', { selectors: ['header:x-a'] }, false],
  ['a fact that nobody read', { decisionFacts: [DecisionFact.DECISION_FACT_FORM] }, false],
])('a question is asked by a new route that wants %s: %#', (_title, change, isAsked) => {
  const versions = new RouteVersions();
  const before = Route.fromPartial({ ...ROUTE, ...PARTS });
  const now = Route.fromPartial({ ...ROUTE, ...PARTS, ...change });
  versions.take([before], { policyVersion: 1, policyChange: '' });
  versions.take([now], { policyVersion: 2, policyChange: '' });
  expect(versions.present(question({ route: before })).route).toBe(isAsked ? now : before);
});
