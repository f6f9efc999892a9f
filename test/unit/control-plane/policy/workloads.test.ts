import { describe, expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { matchWorkloads } from '../../../../control-plane/policy/workloads.ts';
import { policySet, SESSION } from '../../../support/control-plane/policy-set.ts';

const EVERYBODY = { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] };
const ANOTHER = { no: { effect: 'deny', clientWorkload: 'agent', serverWorkload: 'api' } };
const ALLOWED = { yes: { clientWorkload: 'contractor', serverWorkload: 'api' } };
const DENIED = { no: { effect: 'deny', clientWorkload: 'contractor', serverWorkload: 'api' } };

/** The workloads of a session, where it is an agent for certain, and perhaps a contractor. */
function found(contractor: object, policies: object, claims: object = {}): string[] {
  const set = policySet({
    ClientWorkload: { agent: { owner: 'a', selectors: EVERYBODY }, contractor: { owner: 'a', ...contractor } },
    ServerWorkload: { api: { hosts: ['api.example.com'] } },
    AccessPolicy: policies as Record<string, unknown>,
  });
  return matchWorkloads(compilePolicySet(set), { ...SESSION, claims: { ...SESSION.claims, ...claims } }, 0);
}

describe('a client workload of which it cannot be told whether a session is one', () => {
  const costly = { all: [{ claim: 'text', glob: `*${'a'.repeat(1_000)}b` }] };
  const text = `${'a'.repeat(5_000)}b`;
  const twins = 'agent.claims.list.exists(a, agent.claims.list.exists(b, a.id == b.id && a.name != b.name))';
  const list = Array.from({ length: 2_000 }, (_, id) => ({ id, name: 'x' }));
  const groups = { selectors: EVERYBODY, condition: '"contractor" in agent.claims.groups.split(",")' };

  it.each([
    ['its glob takes too long', { selectors: costly }, { text }],
    ['its condition takes too long', { selectors: EVERYBODY, condition: twins }, { list }],
    ['its condition is none that this release takes', groups, { groups: 'staff,contractor' }],
  ])('leaves the session none at all where a policy denies it: %s', (_, contractor, claims) => {
    expect(found(contractor, DENIED, claims)).toEqual([]);
    for (const policies of [{}, ANOTHER, ALLOWED]) expect(found(contractor, policies, claims)).toEqual(['agent']);
  });

  it('is not one whose condition reads a claim that the session lacks', () => {
    const contractor = { selectors: EVERYBODY, condition: 'agent.claims.level == "contractor"' };
    expect(found(contractor, DENIED)).toEqual(['agent']);
    expect(found(contractor, DENIED, { level: 'contractor' })).toEqual(['agent', 'contractor']);
  });
});
