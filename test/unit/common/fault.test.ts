import { expect, test } from 'vitest';
import { faultOf } from '../../../common/fault.ts';

test('a fault says where it was thrown and never what the message quotes', () => {
  const fault = faultOf(new TypeError('bad value\nBearer s3cret'));
  expect(fault.name).toBe('TypeError');
  expect(fault.at[0]).toContain('fault.test.ts');
  expect(fault.at.length).toBeLessThanOrEqual(8);
  expect(JSON.stringify(fault)).not.toContain('s3cret');
});

test('a thrown value that is no error is named by its type', () => {
  expect(faultOf('s3cret')).toEqual({ name: 'string', at: [] });
});
