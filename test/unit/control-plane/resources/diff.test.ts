import { expect, it } from 'vitest';
import { diffValues } from '../../../../control-plane/resources/diff.ts';

it.each([
  ['nothing', { a: 1, b: [1] }, { b: [1], a: 1 }, []],
  ['a leaf', { a: { b: 1 } }, { a: { b: 2 } }, [{ path: 'a.b', before: '1', after: '2' }]],
  ['a new field', {}, { a: 'x' }, [{ path: 'a', after: '"x"' }]],
  ['a field gone', { a: 'x' }, {}, [{ path: 'a', before: '"x"' }]],
  ['an item', { a: [1, 2] }, { a: [1, 3] }, [{ path: 'a[1]', before: '2', after: '3' }]],
  ['a longer list', { a: [1] }, { a: [1, 2] }, [{ path: 'a', before: '[1]', after: '[1,2]' }]],
  ['the order of names', { a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }, []],
  ['another type', { a: [1] }, { a: { b: 1 } }, [{ path: 'a', before: '[1]', after: '{"b":1}' }]],
])('shows %s', (_what, before, after, expected) => {
  expect(diffValues(before, after)).toEqual(expected);
});
