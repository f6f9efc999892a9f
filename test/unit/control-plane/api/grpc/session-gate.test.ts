import { Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import {
  type LiveSession,
  SessionGate,
  type SessionGateOptions,
} from '../../../../../control-plane/api/grpc/session-gate.ts';
import { compilePolicySet } from '../../../../../control-plane/policy/compile.ts';
import type { ActiveRevocation } from '../../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../../control-plane/policy/revocations.ts';
import { policySet } from '../../../../support/control-plane/policy-set.ts';

const gate = new SessionGate({ nowMs: () => 0 } as unknown as SessionGateOptions);
const SESSION = {
  ticket: { tenant: 'acme', id: 's', notAfter: 60_000 },
  record: {
    workloads: ['billing', 'reports'],
    trust: ['cluster'],
    claims: { kubernetes: { namespace: 'prod' } },
    userClaims: {},
  },
} as unknown as LiveSession;

/** Workloads of a session that attested as both, under a policy in which these namespaces are meant. */
function workloadsOf(namespaces: Record<string, string>, active: ActiveRevocation[] = []): readonly string[] {
  const ClientWorkload = Object.fromEntries(
    Object.entries(namespaces).map(([name, equals]) => [
      name,
      { selectors: { all: [{ claim: 'kubernetes.namespace', equals }] } },
    ]),
  );
  const policy = compilePolicySet(policySet({ ClientWorkload }));
  return gate.facts(SESSION, { policy, revocations: new RevocationSet(active) }).workloads;
}

it('gives a session the workloads that match now, whatever matched at attestation', () => {
  expect(workloadsOf({ billing: 'prod', reports: 'prod', third: 'prod' })).toEqual(['billing', 'reports', 'third']);
  expect(workloadsOf({ billing: 'prod', reports: 'test' })).toEqual(['billing']);
  expect(workloadsOf({ third: 'prod' })).toEqual(['third']);
  expect(workloadsOf({ third: 'test' })).toEqual([]);
});

it.each([
  ['once for a policy', 'tenant == "acme"', 2],
  ['with every question where its condition reads the clock', 'now >= timestamp("1970-01-01T00:00:00Z")', 4],
])('matches a client workload with a session %s', (_, condition, times) => {
  let reads = 0;
  const claims = {
    get kubernetes() {
      reads += 1;
      return { namespace: 'prod' };
    },
  };
  const session = { ...SESSION, record: { ...SESSION.record, claims } };
  const selectors = { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] };
  const other = { selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'test' }] } };
  const policy = compilePolicySet(policySet({ ClientWorkload: { other, billing: { selectors, condition } } }));
  const current = { policy, revocations: new RevocationSet([]) };
  for (let asked = 0; asked < 3; asked += 1) expect(gate.facts(session, current).workloads).toEqual(['billing']);
  expect(reads).toBe(times);
});

it('keeps a revoked workload that matches no more, so that it cannot be left by a change of policy', () => {
  const revocation = { id: 'r', target: 'workload', name: 'reports', atMs: 0 } as const;
  expect(workloadsOf({ billing: 'prod' }, [revocation])).toEqual(['billing', 'reports']);
});

it("takes no token and no proof that is there twice: which of them counts is nobody's guess", async () => {
  const seen: unknown[] = [];
  const options = {
    sessions: {
      authenticate: (call: unknown) => {
        seen.push(call);
        return Promise.reject(new Error('refused'));
      },
    },
  } as unknown as SessionGateOptions;
  const metadata = new Metadata();
  for (const key of ['authorization', 'dpop']) metadata.add(key, `first ${key}`);
  const enter = (): Promise<unknown> => new SessionGate(options).enter(metadata, '/path');
  await expect(enter()).rejects.toThrow('refused');
  for (const key of ['authorization', 'dpop']) metadata.add(key, `second ${key}`);
  await expect(enter()).rejects.toThrow('refused');
  expect(seen).toEqual([
    { authorization: 'first authorization', dpop: 'first dpop', path: '/path' },
    { authorization: undefined, dpop: undefined, path: '/path' },
  ]);
});

it('lets nobody in for a tenant that is gone, not even for records', async () => {
  const { ticket, record } = SESSION;
  const options = {
    sessions: { authenticate: async () => ticket },
    records: { find: async () => record },
    policies: { get: async () => undefined },
  } as unknown as SessionGateOptions;
  const refused = { reason: 'session-invalid', message: 'the tenant does not exist' };
  await expect(new SessionGate(options).enter(new Metadata(), '/path', true)).rejects.toMatchObject(refused);
});

it('lets no session in whose proxy is of a release that is not served, or of an unknown one, but for its records', async () => {
  const { ticket, record } = SESSION;
  const policy = compilePolicySet(policySet({}));
  for (const proxyVersion of ['999.0.0', '']) {
    const options = {
      sessions: { authenticate: async () => ticket },
      records: { find: async () => ({ ...record, proxyVersion }) },
      policies: { get: async () => ({ policy, revocations: new RevocationSet([]) }) },
      nowMs: () => 0,
    } as unknown as SessionGateOptions;
    const behind = new SessionGate(options);
    await expect(behind.enter(new Metadata(), '/path')).rejects.toMatchObject({ reason: 'version-unsupported' });
    expect(await behind.enter(new Metadata(), '/path', true)).toMatchObject({ ticket });
  }
});
