import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { isUnforeseen, reasonOf, Refusal, toServiceError } from '../../../../../control-plane/api/grpc/refusal.ts';
import { AttestationError } from '../../../../../control-plane/attestation/trust-provider.ts';
import { ChainError } from '../../../../../control-plane/audit/chain.ts';
import { ResourceError } from '../../../../../control-plane/resources/resource-error.ts';
import { StoreUnavailable } from '../../../../../control-plane/store/sql-store.ts';

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

it.each<[Error, status, string, boolean]>([
  [new Refusal('session-expired', 'x'), status.UNAUTHENTICATED, 'session-expired', false],
  [new AttestationError('proof-replayed', 'x'), status.UNAUTHENTICATED, 'proof-replayed', false],
  [new AttestationError('evidence-expired', 'x'), status.UNAUTHENTICATED, 'evidence-expired', false],
  [new AttestationError('evidence-keys-unavailable', 'x'), status.UNAVAILABLE, 'evidence-keys-unavailable', false],
  [new Refusal('not-ready', 'x'), status.UNAVAILABLE, 'not-ready', false],
  [new Refusal('overloaded', 'x'), status.RESOURCE_EXHAUSTED, 'overloaded', false],
  [new Refusal('bad-request', 'x'), status.INVALID_ARGUMENT, 'bad-request', false],
  [new Refusal('workload-revoked', 'x'), status.PERMISSION_DENIED, 'workload-revoked', false],
  [new ChainError('chain-gap', 'x'), status.FAILED_PRECONDITION, 'bad-request', false],
  [new StoreUnavailable(new Error('x')), status.UNAVAILABLE, 'not-ready', true],
  [new ResourceError('resource-unknown', 'x'), status.INTERNAL, 'internal-error', true],
  [Object.assign(new Error('x'), { code: 'resource-outdated' }), status.INTERNAL, 'internal-error', true],
])('%o is told with its status and its reason', (error, code, reason, unforeseen) => {
  const told = toServiceError(error);
  expect([told.code, told.metadata.get('sidekey-reason')]).toEqual([code, [reason]]);
  expect(reasonOf(error)).toBe(reason);
  expect(isUnforeseen(error)).toBe(unforeseen);
});

it('details are one short line of ASCII, whatever the words', () => {
  expect(toServiceError(new Refusal('bad-request', 'a\r\né')).details).toBe('a ?');
  expect(toServiceError(new Refusal('bad-request', 'a'.repeat(900))).details).toHaveLength(500);
});
