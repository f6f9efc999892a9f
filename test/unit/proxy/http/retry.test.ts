import { expect, test } from 'vitest';
import { Retry } from '../../../../proxy/http/retry.ts';

const UNSENT = { sent: false, done: true, isKept: true };
const KEPT = { answered: false, processed: 'perhaps-not' } as const;
const UNSEEN = { answered: false, processed: 'never' } as const;

test.each([
  ['a kept connection that was closed', 'GET', UNSENT, KEPT, true],
  ['the same for what may not be done twice', 'POST', UNSENT, KEPT, false],
  ['what nothing is known of', 'GET', UNSENT, { answered: false, processed: 'unknown' }, false],
  ['a body of which a part has gone', 'PUT', { sent: true, done: false, isKept: false }, UNSEEN, false],
  ['an answer that has begun', 'GET', UNSENT, { ...KEPT, answered: true }, false],
  ['an answer that has begun, whatever the upstream says', 'GET', UNSENT, { ...UNSEEN, answered: true }, false],
] as const)('A-51: %s, %s', (_, method, body, failure, expected) => {
  const retry = new Retry(method, body);
  expect(retry.after(failure)).toBe(expected);
  expect(retry.after(failure)).toBe(false);
  expect(retry.signedAnew()).toBe(!expected && body.done && method !== 'POST');
});

test('A-51: what the upstream did not act on is sent again, three times at most', () => {
  const retry = new Retry('POST', UNSENT);
  expect(Array.from({ length: 5 }, () => retry.after(UNSEEN))).toEqual([true, true, true, false, false]);
  expect(retry.after(KEPT)).toBe(false);
});

test('A-51: a body that has gone and is kept goes again where the upstream did not act on it, and only there', () => {
  const retry = new Retry('PUT', { sent: true, done: true, isKept: true });
  expect(retry.after(KEPT)).toBe(false);
  expect(retry.after(UNSEEN)).toBe(true);
});

test('A-51: what is not known is sent again once, beside what was not acted on', () => {
  const retry = new Retry('GET', UNSENT);
  const failures = [UNSEEN, KEPT, UNSEEN, KEPT, UNSEEN, UNSEEN];
  expect(failures.map((failure) => retry.after(failure))).toEqual([true, true, true, false, true, false]);
});
