import { expect, test } from 'vitest';
import type { Answer, PolicyClient, Question } from '../../../../policy-client/index.ts';
import { Grant } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { leaseEndsAt, Standing } from '../../../../proxy/http/standing.ts';
import type { ListedThing } from '../../../../proxy/inspection/answer-filter.ts';
import { turnEnd } from '../../../support/turn-end.ts';

const lasting = (seconds: number, nanos = 0) => ({ cacheLease: { seconds, nanos } });

test.each([
  ['its lease', lasting(10, 500_000_000), 11_500],
  ['half a minute, for one call alone', {}, 31_000],
  ['half a minute, for one call alone', lasting(0), 31_000],
  ['a lease of less than a second', lasting(0, 2_000_000), 1_002],
  ['its own end', { ...lasting(10), notAfter: new Date(4_000) }, 4_000],
  ['its lease, before its end', { ...lasting(10), notAfter: new Date(90_000) }, 11_000],
])('a grant holds until %s', (_, grant, expected) => {
  expect(leaseEndsAt(Grant.fromPartial(grant), 1_000)).toBe(expected);
});

function standing(answer: () => Promise<Answer> | Answer) {
  const asked: Question[] = [];
  const authorize = (question: Question) => {
    asked.push(question);
    return answer();
  };
  const one = new Standing({ authorize } as unknown as PolicyClient, { now: () => 1_000 } as never);
  const cuts: string[] = [];
  return { one, asked, cuts, renew: () => one.renew((reason) => cuts.push(reason)) };
}

const question = { method: 'GET' } as Question;
const grant = Grant.fromPartial(lasting(10));

test('nothing is asked again before the first answer, nor of an observed call', async () => {
  const { one, asked, cuts, renew } = standing(() => ({ kind: 'grant', grant, fromCache: false, stale: false }));
  renew();
  one.allow(grant);
  renew();
  expect([asked, one.isUnasked]).toEqual([[], true]);
  const waiting = standing(() => new Promise(() => {}));
  void waiting.one.ask(question);
  waiting.renew();
  await turnEnd();
  expect([waiting.asked.length, waiting.one.isUnasked, cuts, waiting.cuts]).toEqual([1, false, [], []]);
});

test('of what an answer lists that no policy was asked about, the agent could ask for nothing', async () => {
  const { one, asked } = standing(() => ({ kind: 'grant', grant, fromCache: false, stale: false }));
  const things = ['a', 'b'].map((name) => ({ name }) as unknown as ListedThing);
  expect([await one.askListed(things), await one.askListed([]), asked]).toEqual([[false, false], [], []]);
});

test('a call that is allowed anew goes on under its new grant, and is not asked about meanwhile', async () => {
  const later = Grant.fromPartial(lasting(20));
  const { one, asked, cuts, renew } = standing(() => ({ kind: 'grant', grant: later, fromCache: false, stale: false }));
  void one.ask(question);
  one.allow(grant);
  expect(one.leaseEndsAt).toBe(11_000);
  renew();
  expect(one.leaseEndsAt).toBe(Number.POSITIVE_INFINITY);
  await turnEnd();
  expect([one.leaseEndsAt, one.grant, cuts, asked]).toEqual([21_000, later, [], [question, question]]);
});

test.each<[string, () => Promise<Answer> | Answer]>([
  ['policy-denied', () => ({ kind: 'denial', reason: 'policy-denied' }) as Answer],
  ['internal-error', () => Promise.reject(new Error('a bug'))],
])('a call is cut: %s', async (reason, answer) => {
  const { one, cuts, renew } = standing(answer);
  await Promise.resolve(one.ask(question)).catch(() => {});
  one.allow(grant);
  renew();
  await turnEnd();
  expect(cuts).toEqual([reason]);
});
