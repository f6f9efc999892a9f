import { expect, test } from 'vitest';
import { ByteBudget } from '../../../../common/byte-budget.ts';
import { RequestBody } from '../../../../proxy/http/request-body.ts';
import { silentUpstream } from '../../../support/silent-upstream.ts';

test('bodies that are held share one budget, and give it back when they leave or are dropped', () => {
  const budget = new ByteBudget(1_000);
  const [first, second] = [new RequestBody(budget), new RequestBody(budget)];
  for (const body of [first, second]) body.hold(10_000, () => {});
  first.fromAgent(Buffer.alloc(600));
  expect(() => second.fromAgent(Buffer.alloc(600))).toThrow(expect.objectContaining({ reason: 'overloaded' }));
  second.fromAgent(Buffer.alloc(400));
  expect(budget.used).toBe(1_000);
  first.agentEnded(undefined);
  first.flow(silentUpstream(), undefined);
  expect(budget.used).toBe(400);
  second.drop();
  second.drop();
  first.drop();
  expect(budget.used).toBe(0);
});

test('what flows on as it comes is not held', () => {
  const budget = new ByteBudget(10);
  const body = new RequestBody(budget);
  body.flow(silentUpstream(), undefined);
  body.fromAgent(Buffer.alloc(1_000));
  expect(budget.used).toBe(0);
});
