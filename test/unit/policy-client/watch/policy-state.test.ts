import { describe, expect, it } from 'vitest';
import { GrantCache } from '../../../../policy-client/authorize/grant-cache.ts';
import { PolicyState } from '../../../../policy-client/watch/policy-state.ts';
import { RevocationSet } from '../../../../policy-client/watch/revocation-set.ts';
import { Grant, Revocation, RevocationTarget } from '../../../../proto/gen/sidekey/v1/grant.ts';
import { Snapshot } from '../../../../proto/gen/sidekey/v1/proxy.ts';
import { Route } from '../../../../proto/gen/sidekey/v1/route.ts';

const ENDLESS = Number.POSITIVE_INFINITY;
const VALIDITY = {
  leaseEndsMonotonicMs: ENDLESS,
  leaseEndsWallMs: 1e12,
  staleEndsMonotonicMs: ENDLESS,
  staleEndsWallMs: 1e12,
  maxUses: ENDLESS,
};
const ONE = { policyVersion: 1, policyChange: 'one' };
const revocationOf = (name: string): Revocation =>
  Revocation.fromPartial({ id: name, target: RevocationTarget.REVOCATION_TARGET_WORKLOAD, name });
const snapshotOf = (revocations: Revocation[]): Snapshot => Snapshot.fromPartial({ ...ONE, revocations });

/** A client's state under policy version 1 by change `one`, which holds a grant of workload `mine` and a denial. */
function start(maxRevocations = 10) {
  const cache = new GrantCache(10);
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const state = new PolicyState({ tenant: 't', cache, revocations: new RevocationSet(maxRevocations), log });
  state.takeSnapshot(snapshotOf([]));
  cache.putGrant('grant', Grant.fromPartial({ ...ONE, binding: { workloads: ['mine'] } }), VALIDITY);
  cache.putDenial(
    'denial',
    { kind: 'denial', reason: 'no-policy', message: '', accessPolicy: undefined, fromCache: false },
    VALIDITY,
  );
  const told: string[] = [];
  state.revoked.add(({ name }) => told.push(name));
  const held = (): (string | undefined)[] => ['grant', 'denial'].map((key) => cache.take(key, 0, 0, false)?.kind);
  return { state, told, held };
}

describe('answers that are held', () => {
  it('are dropped by a revocation that came while the link was down, which is told once', () => {
    const { state, told, held } = start();
    for (let time = 0; time < 2; time += 1) {
      state.takeSnapshot(snapshotOf([revocationOf('mine'), revocationOf('other')]));
      expect(told).toEqual(['mine', 'other']);
      expect(held()).toEqual([undefined, undefined]);
    }
  });

  it.each([
    [2, 'one'],
    [0, 'one'],
    [1, 'another'],
    [1, ''],
  ])('of grants go with the policy that they rest on, when version %i by change "%s" comes', (...next) => {
    const [policyVersion, policyChange] = next;
    const { state, held } = start();
    state.takeSnapshot(Snapshot.fromPartial({ policyVersion, policyChange }));
    expect(held()).toEqual([undefined, undefined]);
    expect(state.policy).toEqual({ policyVersion, policyChange });
    const route = Route.fromPartial({ serverWorkload: 'api' });
    state.takeSnapshot(Snapshot.fromPartial({ policyVersion: 7, routes: [route] }));
    expect(state.routes.map((each) => state.routeVersions.policyOf(each).policyVersion)).toEqual([7]);
  });

  it('of denials go when a revocation is lifted, which ends nothing', () => {
    const { state, told, held } = start();
    state.takeRevocation({ ...revocationOf('mine'), lifted: true });
    expect(held()).toEqual(['grant', undefined]);
    expect(told).toEqual([]);
  });

  it('of denials go with every snapshot, as what caused them may have been lifted', () => {
    const { state, held } = start();
    state.takeSnapshot(snapshotOf([]));
    expect(held()).toEqual(['grant', undefined]);
  });

  it('are all dropped once more revocations came than can be held', () => {
    const { state, held } = start(1);
    state.takeRevocation(revocationOf('other'));
    expect(held()[0]).toBe('grant');
    state.takeRevocation(revocationOf('third'));
    expect(held()).toEqual([undefined, undefined]);
  });
});

describe('a snapshot', () => {
  it('says what the routes are, and tells of an authority when it has one', () => {
    const { state } = start();
    const issued: unknown[] = [];
    state.authorityIssued.add((authority) => issued.push(authority));
    const routes = [Route.fromPartial({ serverWorkload: 'api' })];
    const certificateAuthority = { permittedHosts: ['api.example.com'] };
    state.takeSnapshot(Snapshot.fromPartial({ policyVersion: 1, routes, certificateAuthority }));
    expect([state.routes, issued]).toMatchObject([routes, [certificateAuthority]]);
    state.takeSnapshot(Snapshot.fromPartial({ policyVersion: 1 }));
    expect([state.routes, issued.length]).toEqual([[], 1]);
  });
});
