import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { VERSION } from '../../../../../common/version.ts';
import {
  type LiveSession,
  SessionGate,
  type SessionGateOptions,
} from '../../../../../control-plane/api/grpc/session-gate.ts';
import { newBudget } from '../../../../../control-plane/policy/budget.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { ActiveRevocation, RevocationTargetName } from '../../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { policySet } from '../../../../support/control-plane/policy-set.ts';

const ENDS = 60_000;
const POLICY = compilePolicySet(
  policySet({
    TrustProvider: {
      cluster: { type: 'kubernetes', issuer: 'https://cluster.example', audience: 'sidekey' },
      people: { type: 'oidc', issuer: 'https://people.example', audience: 'sidekey', for: 'user' },
    },
    ClientWorkload: { billing: { selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] } } },
  }),
);
const DIGESTS = Object.fromEntries(['cluster', 'people'].map((name) => [name, POLICY.trustDigests.get(name) ?? '']));

function sessionOf(record: object = {}): LiveSession {
  return {
    ticket: { tenant: 'acme', id: 's-1', notAfter: ENDS },
    record: {
      workloads: ['billing'],
      user: 'idp#ann',
      trust: ['cluster', 'people'],
      trustDigests: DIGESTS,
      claims: { kubernetes: { namespace: 'prod' } },
      userClaims: {},
      proxyVersion: VERSION,
      ...record,
    },
  } as unknown as LiveSession;
}

/** What is in force, as the control plane has it at this moment; `isKept`: the session's row says that it goes on. */
function gateAt(
  nowMs: number,
  { session = sessionOf(), revoked = [] as [RevocationTargetName, string][], isKept = true } = {},
) {
  const active = revoked.map(([target, name]): ActiveRevocation => ({ id: name, target, name, atMs: 0 }));
  const current = { policy: POLICY, revocations: new RevocationSet(active) };
  const gate = new SessionGate({
    nowMs: () => nowMs,
    sessions: { authenticate: async () => session.ticket },
    records: { find: async (_: unknown, evenEnded = false) => (isKept || evenEnded ? session.record : undefined) },
    policies: { get: async () => current },
  } as unknown as SessionGateOptions);
  const reasonOf = (run: () => unknown): Promise<string | undefined> =>
    (async () => run())().then(
      () => undefined,
      ({ reason }: { reason: string }) => reason,
    );
  return {
    live: () => reasonOf(() => gate.assertLive(session, current)),
    standing: () => reasonOf(() => gate.assertStanding(session, current, newBudget())),
    enters: (evenRevoked?: boolean) => reasonOf(() => gate.enter(new Metadata(), '/path', evenRevoked)),
  };
}

/** As a call that comes, as one that is asked about, and as one that only brings records, is let through. */
async function outcomes(...args: Parameters<typeof gateAt>): Promise<unknown[]> {
  const { enters, live, standing } = gateAt(...args);
  return [await enters(), await live(), await standing(), await enters(true)];
}

const refusedFor = (reason: string): unknown[] => [reason, reason, reason, undefined];
const WELL = [undefined, undefined, undefined, undefined];

describe('a session', () => {
  it('stands until its time, and not at it', async () => {
    expect(await outcomes(ENDS - 1)).toEqual(WELL);
    expect(await outcomes(ENDS)).toEqual(refusedFor('session-expired'));
  });

  it.each<[RevocationTargetName, string, string | undefined]>([
    ['workload', 'billing', 'workload-revoked'],
    ['user', 'ann', 'user-revoked'],
    ['session', 's-1', 'session-revoked'],
    ['tenant', 'acme', 'tenant-revoked'],
    ['workload', 'other', undefined],
    ['policy', 'billing', undefined],
  ])('with %s %s revoked', async (target, name, reason) => {
    const expected = reason === undefined ? WELL : refusedFor(reason);
    expect(await outcomes(0, { revoked: [[target, name]] })).toEqual(expected);
  });

  it.each([
    ['is gone', { trust: ['cluster', 'gone'] }],
    ['says something else than it did', { trustDigests: { ...DIGESTS, people: 'another' } }],
    ['was another one', { trustDigests: { ...DIGESTS, people: DIGESTS['cluster'] } }],
  ])('of which one trust provider %s', async (_, record) => {
    expect(await outcomes(0, { session: sessionOf(record) })).toEqual(refusedFor('trust-withdrawn'));
  });

  it('of which nobody noted what its trust providers said, as an older release did not', async () => {
    expect(await outcomes(0, { session: sessionOf({ trustDigests: {} }) })).toEqual(refusedFor('trust-withdrawn'));
  });

  it('that was ended brings its records, and asks nothing', async () => {
    const { enters, standing } = gateAt(0, { isKept: false });
    expect([await enters(), await standing(), await enters(true)]).toEqual([
      'session-invalid',
      'session-invalid',
      undefined,
    ]);
  });
});
