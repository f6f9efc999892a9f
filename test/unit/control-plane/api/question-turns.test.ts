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
