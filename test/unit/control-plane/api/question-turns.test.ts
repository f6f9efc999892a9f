import { expect, it } from 'vitest';
import { QuestionTurns } from '../../../../control-plane/api/question-turns.ts';
import { QUESTION_STEPS } from '../../../../control-plane/policy/budget.ts';

it('lets a tenant wait for the next turn of the event loop once it has had its steps', async () => {
  const turns = new QuestionTurns();
  turns.took('a', 1);
  expect(turns.mustWait('a')).toBe(false);
  turns.took('a', QUESTION_STEPS);
  turns.took('b', QUESTION_STEPS);
  expect([turns.mustWait('a'), turns.mustWait('b'), turns.mustWait('c')]).toEqual([true, true, false]);
  const next = turns.next();
  expect(turns.next()).toBe(next);
  await next;
  expect([turns.mustWait('a'), turns.mustWait('b')]).toEqual([false, false]);
});

it('does not hold against a question what it took itself', () => {
  const turns = new QuestionTurns();
  turns.took('a', QUESTION_STEPS);
  expect(turns.mustWait('a', QUESTION_STEPS)).toBe(false);
  turns.took('a', QUESTION_STEPS);
  expect(turns.mustWait('a', QUESTION_STEPS)).toBe(true);
});
