import { expect, it } from 'vitest';
import { QuestionTurns } from '../../../../../control-plane/api/grpc/question-turns.ts';
import { authorize, type AuthorizeOptions } from '../../../../../control-plane/api/grpc/authorize.ts';
import type { LiveSession } from '../../../../../control-plane/api/grpc/session-gate.ts';
import { QUESTION_STEPS } from '../../../../../control-plane/policy/budget.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { AuthorizeRequest } from '../../../../../proto/gen/sidekey/v1/proxy.ts';
import { policySet, SESSION } from '../../../../support/control-plane/policy-set.ts';

it('lets a tenant wait for the next turn of the event loop once it has had its steps', async () => {
  const turns = new QuestionTurns();
  turns.took('a', 1);
  expect(turns.mustWait('a')).toBe(false);
  turns.took('a', QUESTION_STEPS);
  turns.took('b', QUESTION_STEPS);
  expect([turns.mustWait('a'), turns.mustWait('b'), turns.mustWait('c')]).toEqual([true, true, false]);
  await Promise.all([turns.next('a'), turns.next('b')]);
  expect([turns.mustWait('a'), turns.mustWait('b')]).toEqual([false, false]);
});

it('does not hold against a question what it took itself', () => {
  const turns = new QuestionTurns();
  turns.took('a', QUESTION_STEPS);
  expect(turns.mustWait('a', QUESTION_STEPS)).toBe(false);
  turns.took('a', QUESTION_STEPS);
  expect(turns.mustWait('a', QUESTION_STEPS)).toBe(true);
});

it('goes on with one question of a tenant in each turn, and with the next at once where that took little', async () => {
  const turns = new QuestionTurns();
  const woken: string[] = [];
  for (const [name, steps] of [
    ['dear', QUESTION_STEPS],
    ['cheap', 1],
    ['cheaper', 0],
    ['last', 1],
  ] as const)
    void turns.next('a').then(() => {
      woken.push(name);
      turns.took('a', steps);
    });
  const turn = () => new Promise(setImmediate);
  await turn();
  expect(woken).toEqual(['dear']);
  await turn();
  expect(woken).toEqual(['dear', 'cheap', 'cheaper', 'last']);
});

it.each([
  ['of few hosts goes on with the next', 1, false],
  ['of many hosts lets others in between', 150, true],
])('a question of a tenant %s', async (_title, count, mustWait) => {
  const servers = Array.from({ length: count }, (_, n) => {
    const hosts = Array.from({ length: 200 }, (_, host) => `h${host}.s${n}.example.com`);
    return [`s${n}`, { hosts }] as const;
  });
  const policy = compilePolicySet(policySet({ ServerWorkload: Object.fromEntries(servers) }));
  const turns = new QuestionTurns();
  const options = {
    clock: { now: () => 0 },
    gate: { assertStanding: async () => SESSION, turns },
    policies: { get: async () => ({ policy, revocations: new RevocationSet([]) }) },
  } as unknown as AuthorizeOptions;
  const session = { ticket: { tenant: 'acme' } } as unknown as LiveSession;
  const destination = { scheme: 'https', host: 'other.example.com', port: 443 };
  await authorize(options, session, AuthorizeRequest.fromPartial({ destination, http: { method: 'GET', path: '/' } }));
  expect(turns.mustWait('acme')).toBe(mustWait);
});
