import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { isUnforeseen, reasonOf, toServiceError } from '../../../../../control-plane/api/grpc/refusal.ts';
import { ResourceError } from '../../../../../control-plane/resources/resource-error.ts';

it('resources of an older release are no bug: proxies come again, and the log names them', () => {
  const error = new ResourceError('resource-outdated', 'an older release stored AccessPolicy/secret-name');
  const told = toServiceError(error);
  expect([told.code, told.metadata.get('sidekey-reason')]).toEqual([status.UNAVAILABLE, ['not-ready']]);
  expect(told.details).toContain('the log of the control plane names them');
  expect(told.details).not.toContain('secret-name');
  expect(reasonOf(error)).toBe('not-ready');
  expect(isUnforeseen(error)).toBe(true);
});

it('what nobody foresaw is told as a bug, without its words', () => {
  const told = toServiceError(new TypeError('x is not a function'));
  expect([told.code, told.details]).toEqual([status.INTERNAL, 'a bug in Sidekey']);
});
