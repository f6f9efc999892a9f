import { describe, expect, it } from 'vitest';
import {
  denialValidity,
  grantValidity,
  isBoundTo,
  refuseGrant,
} from '../../../../policy-client/authorize/check-grant.ts';
import type { Question, SessionState } from '../../../../policy-client/index.ts';
import { Grant } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { DecisionFact, Route } from '../../../../proto/gen/sidekey/v1/route.ts';

const NOW_MS = 1_000_000;
const SESSION: SessionState = {
  id: 's1',
  workloads: ['w1', 'w2'],
  user: 'issuer#u1',
  claims: {},
  notAfter: NOW_MS + 60_000,
};
const QUESTION: Question = {
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  method: 'GET',
  path: '/a',
  route: Route.fromPartial({ serverWorkload: 'api', decisionFacts: [DecisionFact.DECISION_FACT_PATH] }),
};
const BINDING = {
  sessionId: 's1',
  serverWorkload: 'api',
  method: 'GET',
  destination: { scheme: 'https', host: 'api.example.com', port: 443 },
  path: '/a',
  workloads: ['w1'],
  user: 'issuer#u1',
};

function grantOf(binding: object, changes: object = {}): Grant {
  return Grant.fromPartial({ ...changes, binding: { ...BINDING, ...binding } });
}

const lasting = { cacheLease: { seconds: 10, nanos: 0 }, policyVersion: 1, notAfter: new Date(NOW_MS + 30_000) };

describe('isBoundTo (A-20)', () => {
  it.each([
    ['the very call', {}],
    ['any path', { path: '' }],
    ['no user in particular', { user: '' }],
    ['all workloads, and one that the session has come to be', { workloads: ['w2', 'w1', 'w3'] }],
  ])('fits when bound to %s', (_, binding) => {
    expect(isBoundTo(grantOf(binding), QUESTION, SESSION)).toBe(true);
  });

  it.each([
    ['session', { sessionId: 's2' }],
    ['server workload', { serverWorkload: 'other' }],
    ['method', { method: 'POST' }],
    ['scheme', { destination: { ...BINDING.destination, scheme: 'http' } }],
    ['host', { destination: { ...BINDING.destination, host: 'evil.example' } }],
    ['port', { destination: { ...BINDING.destination, port: 8443 } }],
    ['path', { path: '/b' }],
    ['user', { user: 'issuer#u2' }],
    ['no destination', { destination: undefined }],
  ])('does not fit another %s', (_, binding) => {
    expect(refuseGrant(grantOf(binding), QUESTION, SESSION, NOW_MS)?.reason).toBe('binding-mismatch');
  });

  it('a grant without a binding fits nothing', () => {
    expect(isBoundTo(Grant.fromPartial({}), QUESTION, SESSION)).toBe(false);
  });
});

describe('refuseGrant', () => {
  it.each([
    ['session-expired', { ...SESSION, notAfter: NOW_MS }, new Date(NOW_MS + 1)],
    ['credential-unavailable', SESSION, new Date(NOW_MS)],
    [undefined, SESSION, new Date(NOW_MS + 1)],
    [undefined, SESSION, undefined],
  ])('says %s at the end', (reason, session, notAfter) => {
    expect(refuseGrant(grantOf({}, { notAfter }), QUESTION, session, NOW_MS)?.reason).toBe(reason);
  });

  it('takes no grant that names a credential and brings none, as one of another release did', () => {
    const bare = grantOf({}, { credentialProvider: 'api-token' });
    expect(refuseGrant(bare, QUESTION, SESSION, NOW_MS)?.reason).toBe('credential-unavailable');
    expect(refuseGrant(bare, { ...QUESTION, dryRun: true }, SESSION, NOW_MS)).toBeUndefined();
    const bearer = { kind: { $case: 'bearer', value: { token: Buffer.from('t') } } };
    expect(refuseGrant({ ...bare, injections: [bearer] } as Grant, QUESTION, SESSION, NOW_MS)).toBeUndefined();
  });
});

describe('grantValidity', () => {
  it.each([
    ['no lease', { cacheLease: undefined }],
    ['a single use', { maxUses: 1 }],
    ['no policy version', { policyVersion: 0 }],
    ['no end', { notAfter: undefined }],
    ['an end that has come', { notAfter: new Date(NOW_MS) }],
  ])('serves one call with %s', (_, changes) => {
    expect(grantValidity(grantOf({}, { ...lasting, ...changes }), SESSION, 0, NOW_MS)).toBeUndefined();
  });

  it('ends with the lease, with what the policy adds when stale, and never after grant or session', () => {
    const stale = { ...lasting, failMode: { staleMaxAge: { seconds: 60, nanos: 0 } }, maxUses: 3 };
    expect(grantValidity(grantOf({}, stale), SESSION, 5, NOW_MS)).toEqual({
      leaseEndsMonotonicMs: 10_005,
      leaseEndsWallMs: NOW_MS + 10_000,
      staleEndsMonotonicMs: 30_005,
      staleEndsWallMs: NOW_MS + 30_000,
      maxUses: 2,
    });
    const ending = { ...SESSION, notAfter: NOW_MS + 4_000 };
    expect(grantValidity(grantOf({}, stale), ending, 0, NOW_MS)).toMatchObject({
      leaseEndsMonotonicMs: 4_000,
      staleEndsMonotonicMs: 4_000,
    });
  });

  it.each([
    [0, Number.POSITIVE_INFINITY],
    [2, 1],
  ])('of %d uses, %d are left after the first', (maxUses, left) => {
    expect(grantValidity(grantOf({}, { ...lasting, maxUses }), SESSION, 0, NOW_MS)?.maxUses).toBe(left);
  });

  it('a denial without a lease is not repeated', () => {
    expect(denialValidity(0, 0, NOW_MS)).toBeUndefined();
    expect(denialValidity(1_000, 5, NOW_MS)).toMatchObject({
      leaseEndsMonotonicMs: 1_005,
      leaseEndsWallMs: NOW_MS + 1_000,
      staleEndsMonotonicMs: 1_005,
      staleEndsWallMs: NOW_MS + 1_000,
    });
  });
});
