import { expect, it } from 'vitest';
import type { ActiveRevocation, RevocationTargetName, SessionFacts } from '../../../../control-plane/policy/facts.ts';
import { concernsSession, endsSession, RevocationSet } from '../../../../control-plane/policy/revocations.ts';

const SESSION: SessionFacts = {
  tenant: 'acme',
  sessionId: 's-1',
  workloads: ['billing', 'reports'],
  user: 'alice',
  trust: [],
  claims: {},
  userClaims: {},
};

const revocation = (target: RevocationTargetName, name: string): ActiveRevocation => ({
  id: `${target} ${name}`,
  target,
  name,
  atMs: 0,
});

it.each([
  ['tenant', 'acme', 'tenant-revoked'],
  ['session', 's-1', 'session-revoked'],
  ['user', 'alice', 'user-revoked'],
  ['workload', 'reports', 'workload-revoked'],
  ['policy', 'acme', undefined],
  ['credential', 'alice', undefined],
  ['session', 's-2', undefined],
  ['user', 'billing', undefined],
  ['workload', 'archive', undefined],
  ['workload', 'alice', undefined],
  ['tenant', 'other', undefined],
] as const)('a revocation of %s %s gives %s', (target, name, reason) => {
  const one = revocation(target, name);
  expect(new RevocationSet([one]).reasonAgainst(SESSION)).toBe(reason);
  expect(endsSession(one, SESSION)).toBe(reason !== undefined);
  // Its proxy may hold grants of any policy and with any credential.
  expect(concernsSession(one, SESSION)).toBe(reason !== undefined || ['policy', 'credential'].includes(target));
});

it('names the widest of several, and none for a user who is not known', () => {
  const set = new RevocationSet([revocation('workload', 'billing'), revocation('tenant', 'acme')]);
  expect(set.reasonAgainst(SESSION)).toBe('tenant-revoked');
  const users = new RevocationSet([revocation('user', 'undefined')]);
  expect(users.reasonAgainst({ ...SESSION, user: undefined })).toBeUndefined();
  expect(concernsSession(revocation('user', 'alice'), { ...SESSION, user: undefined })).toBe(false);
});

it('asks no revocation that is not about the session, however many there are', () => {
  let asked = 0;
  const others = Array.from({ length: 1_000 }, (_, index) => revocation('session', `other-${index}`));
  const watched = others.map((one) => new Proxy(one, { get: (...of) => ((asked += 1), Reflect.get(...of)) }));
  const set = new RevocationSet(watched);
  asked = 0;
  expect(set.reasonAgainst(SESSION)).toBeUndefined();
  expect(asked).toBe(0);
});

it.each([
  ['https://idp.example#alice', true],
  ['alice', true],
  ['https://other.example#alice', false],
  ['bob', false],
])('a user revoked as %s', (name, ended) => {
  const session = { ...SESSION, user: 'https://idp.example#alice' };
  expect(new RevocationSet([revocation('user', name)]).reasonAgainst(session)).toBe(ended ? 'user-revoked' : undefined);
  expect(endsSession(revocation('user', name), session)).toBe(ended);
});

it.each(['acme', 'other'])('the tenant %s revoked', (name) => {
  expect(endsSession(revocation('tenant', name), SESSION)).toBe(name === 'acme');
});
