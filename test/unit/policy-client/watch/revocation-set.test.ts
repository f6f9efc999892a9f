import { describe, expect, it } from 'vitest';
import {
  RevocationSet,
  revokes,
  standingOfGrant,
  standingOfSession,
} from '../../../../policy-client/watch/revocation-set.ts';
import { Grant, Revocation, RevocationTarget as Target } from '../../../../proto/gen/sidekey/v1/grant.ts';

const grant = Grant.fromPartial({
  binding: { sessionId: 's1', workloads: ['w1', 'w2'], user: 'u1' },
  accessPolicy: 'p1',
  credentialProviders: ['c0', 'c1'],
});
const standing = standingOfGrant(grant, 't1');

function revocation(target: Target, name: string, changes: Partial<Revocation> = {}): Revocation {
  return Revocation.fromPartial({ id: `${target}${name}`, target, name, ...changes });
}

describe('revokes', () => {
  it.each([
    [Target.REVOCATION_TARGET_WORKLOAD, 'w2', 'workload-revoked'],
    [Target.REVOCATION_TARGET_POLICY, 'p1', 'policy-revoked'],
    [Target.REVOCATION_TARGET_CREDENTIAL, 'c1', 'credential-revoked'],
    [Target.REVOCATION_TARGET_USER, 'u1', 'user-revoked'],
    [Target.REVOCATION_TARGET_SESSION, 's1', 'session-revoked'],
    [Target.REVOCATION_TARGET_TENANT, 't1', 'tenant-revoked'],
  ] as const)('target %s', (target, name, reason) => {
    expect(revokes(revocation(target, name), standing)).toBe(true);
    expect(revokes(revocation(target, 'other'), standing)).toBe(false);
    const set = new RevocationSet(10);
    set.apply(revocation(target, name));
    expect(set.find(standing)).toBe(reason);
    set.apply(revocation(target, name, { lifted: true }));
    expect(set.find(standing)).toBeUndefined();
  });

  it('ends a session by its id, workload, user or tenant', () => {
    const session = { id: 's1', workloads: ['w1', 'w2'], user: 'u1', claims: {}, notAfter: 1 };
    const ended = ['s1', 'w2', 'u1', 't1', 'p1'].map((name) =>
      Object.values(Target).filter(
        (target) => target > 0 && revokes(revocation(target as Target, name), standingOfSession(session, 't1')),
      ),
    );
    expect(ended).toEqual([
      [Target.REVOCATION_TARGET_SESSION],
      [Target.REVOCATION_TARGET_WORKLOAD],
      [Target.REVOCATION_TARGET_USER],
      [Target.REVOCATION_TARGET_TENANT],
      [],
    ]);
  });

  it('ends everything for a target that it does not know', () => {
    expect(revokes(revocation(99 as Target, 'x'), standing)).toBe(true);
    const set = new RevocationSet(10);
    set.apply(revocation(99 as Target, 'x'));
    expect(set.find(standing)).toBe('tenant-revoked');
  });

  it('does not take an absent user for a user without a name', () => {
    const machine = standingOfGrant(Grant.fromPartial({}), 't1');
    expect(revokes(revocation(Target.REVOCATION_TARGET_USER, ''), machine)).toBe(false);
  });
});

describe('RevocationSet', () => {
  it('finds the one that fits among others, as long as it is in the last snapshot', () => {
    const set = new RevocationSet(10);
    set.apply(revocation(Target.REVOCATION_TARGET_POLICY, 'other'));
    expect(set.find(standing)).toBeUndefined();
    set.apply(revocation(Target.REVOCATION_TARGET_USER, 'u1'));
    expect(set.find(standing)).toBe('user-revoked');
    set.replace([revocation(Target.REVOCATION_TARGET_POLICY, 'other')]);
    expect(set.find(standing)).toBeUndefined();
    expect(set.list()).toHaveLength(1);
  });

  it('hears of one again, though it is full', () => {
    const set = new RevocationSet(1);
    for (let time = 0; time < 2; time += 1) set.apply(revocation(Target.REVOCATION_TARGET_POLICY, 'p1'));
    expect(set.find(standing)).toBe('policy-revoked');
  });

  it('clears nobody once more came than it holds', () => {
    const set = new RevocationSet(2);
    for (const name of ['a', 'b', 'c']) set.apply(revocation(Target.REVOCATION_TARGET_POLICY, name));
    expect(set.size).toBe(2);
    expect(set.find(standing)).toBe('overloaded');
    set.replace([]);
    expect(set.find(standing)).toBeUndefined();
  });
});
