import { describe, expect, it, test } from 'vitest';
import { mayStandFor, readingsOf } from '../../../../common/inspection/parameter-name.ts';

describe('readingsOf', () => {
  // What PHP 8.2 made of them is last.
  it.each([
    ['user_id', ['user_id']],
    ['User-Id', ['user-id']],
    ['user[id]', ['user']],
    ['[user]', ['user']],
    ['user]', ['user']],
    ['', ['']],
    ['[', ['']],
    ['user.id', ['user_id']],
    ['user id', ['user_id']],
    ['  .id', ['_id']],
    ['user_id\0x', ['user_id']],
    ['\0user', ['']],
    ['User\0a\0b', ['user']],
    ['a.b[c.d]', ['a_b']],
    ['user[id', ['user', 'user_id']],
    ['a[b.c d', ['a', 'a_b_c_d']],
    ['_method[\0', ['_method', '_method_']],
  ])('of %j', (name, readings) => {
    expect(readingsOf(name)).toEqual(readings);
  });
});

test('mayStandFor', () => {
  expect(mayStandFor('user_id', 'user.id')).toBe(true);
  expect(mayStandFor('user[a]', 'user')).toBe(true);
  expect(mayStandFor('card[number]', 'card[number]')).toBe(true);
  expect(mayStandFor(' Card[Number]', 'card[number]')).toBe(true);
  expect(mayStandFor('my.card[number]', 'my_card[number]')).toBe(true);
  expect(mayStandFor('card[cvc]', 'card[number]')).toBe(false);
  expect(mayStandFor('users', 'user')).toBe(false);
});
