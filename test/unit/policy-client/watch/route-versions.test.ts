import { expect, it } from 'vitest';
import { NO_POLICY } from '../../../../policy-client/watch/policy-name.ts';
import { RouteVersions } from '../../../../policy-client/watch/route-versions.ts';
import { DecisionFact, Route } from '../../../../proto/gen/sidekey/v1/route.ts';
import { question, ROUTE } from '../../../support/policy-client/policy-client.ts';

const FACTS = [DecisionFact.DECISION_FACT_HEADERS, DecisionFact.DECISION_FACT_JSON];
const PARTS = {
  decisionFacts: FACTS,
  selectors: ['header:x-a', 'json:/a'],
};

it.each<[string, Partial<Route>, boolean]>([
  ['the same parts', {}, true],
  ['another header, since all are there', { selectors: ['header:x-b', 'json:/a'] }, true],
  ['a member that nobody read', { selectors: ['header:x-a', 'json:/a', 'json:/b'] }, false],
  ['members whose names are joined otherwise', { selectors: ['header:x-a', 'json', ':/a'] }, false],
  ['fewer members than were read', { selectors: ['header:x-a'] }, false],
  ['a fact that nobody read', { decisionFacts: [...FACTS, DecisionFact.DECISION_FACT_FORM] }, false],
  ['the path, which is always there', { decisionFacts: [...FACTS, DecisionFact.DECISION_FACT_PATH] }, true],
])('a question is asked by a new route that wants %s: %#', (_title, change, isAsked) => {
  const versions = new RouteVersions();
  const before = Route.fromPartial({ ...ROUTE, ...PARTS });
  const now = Route.fromPartial({ ...ROUTE, ...PARTS, ...change });
  versions.take([before], { policyVersion: 1, policyChange: '' });
  versions.take([now], { policyVersion: 2, policyChange: '' });
  expect(versions.present(question({ route: before })).route).toBe(isAsked ? now : before);
});

it('a question is asked as it is when its route is gone, or came with no snapshot', () => {
  const versions = new RouteVersions();
  const [taken, strange] = [Route.fromPartial(ROUTE), Route.fromPartial(ROUTE)];
  versions.take([taken], { policyVersion: 1, policyChange: '' });
  expect(versions.present(question({ route: strange })).route).toBe(strange);
  expect(versions.policyOf(strange)).toEqual(NO_POLICY);
  versions.take([], { policyVersion: 2, policyChange: '' });
  expect(versions.present(question({ route: taken })).route).toBe(taken);
});

it('a question is asked by the new route of its own server workload, and of no other', () => {
  const versions = new RouteVersions();
  const [before, now, other] = [ROUTE, ROUTE, { ...ROUTE, serverWorkload: 'other' }].map((each) =>
    Route.fromPartial({ ...each, ...PARTS }),
  );
  if (before === undefined || now === undefined || other === undefined) return expect.unreachable();
  versions.take([before, other], { policyVersion: 1, policyChange: '' });
  versions.take([other, now], { policyVersion: 2, policyChange: '' });
  expect(versions.present(question({ route: before })).route).toBe(now);
  versions.take([other], { policyVersion: 3, policyChange: '' });
  expect(versions.present(question({ route: before })).route).toBe(before);
});
