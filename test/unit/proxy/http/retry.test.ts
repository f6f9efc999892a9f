import { expect, test } from 'vitest';
import { Retry } from '../../../../proxy/http/retry.ts';

const UNSENT = { sent: false, done: true };
const KEPT = { answered: false, processed: 'perhaps-not' } as const;
const UNSEEN = { answered: false, processed: 'never' } as const;

test.each([
  ['a kept connection that was closed', 'GET', UNSENT, KEPT, true],
  ['the same for what may not be done twice', 'POST', UNSENT, KEPT, false],
  ['what the upstream did not act on', 'POST', UNSENT, UNSEEN, true],
  ['what nothing is known of', 'GET', UNSENT, { answered: false, processed: 'unknown' }, false],
  ['a body of which a part has gone', 'PUT', { sent: true, done: false }, UNSEEN, false],
  ['an answer that has begun', 'GET', UNSENT, { ...KEPT, answered: true }, false],
  ['an answer that has begun, whatever the upstream says', 'GET', UNSENT, { ...UNSEEN, answered: true }, false],
] as const)('A-51: %s, %s', (_, method, body, failure, expected) => {
  const retry = new Retry(method, body);
  expect(retry.after(failure)).toBe(expected);
  expect(retry.after(failure)).toBe(false);
  expect(retry.signedAnew()).toBe(!expected && body.done && method !== 'POST');
});
