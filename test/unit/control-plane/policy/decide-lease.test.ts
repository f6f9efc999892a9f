import { describe, expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const NOON_MONDAY = Date.UTC(2026, 10, 23, 12, 0);
const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const office = { type: 'time-window', days: ['mon'], from: '09:00', to: '17:00' };

describe('how long a decision holds', () => {
  it('lets no answer outlive a moment that a condition reads', () => {
    const set = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessCondition: { office },
        AccessPolicy: { timed: { ...to, conditions: ['office'] } },
      }),
    );
    const none = new RevocationSet([]);
    expect(decide(set, SESSION, REQUEST, none, NOON_MONDAY).leaseMs).toBe(0);
    expect(decide(set, SESSION, REQUEST, none, NOON_MONDAY + 86_400_000).leaseMs).toBe(0);
  });

  it('is what its policy says where no moment counts', () => {
    const set = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] }, bare: { hosts: ['bare.example.com'] } },
        AccessPolicy: { open: { ...to, leaseSeconds: 20 } },
      }),
    );
    const none = new RevocationSet([]);
    expect(decide(set, SESSION, REQUEST, none, NOON_MONDAY)).toMatchObject({ outcome: 'allow', leaseMs: 20_000 });
    const denied = decide(set, SESSION, { ...REQUEST, host: 'bare.example.com' }, none, NOON_MONDAY);
    expect(denied).toMatchObject({ outcome: 'deny', reason: 'no-policy' });
    expect(denied.leaseMs).toBeGreaterThan(0);
  });

  it('lets no allowance outlive the moment from which another policy denies', () => {
    const set = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessCondition: { office },
        AccessPolicy: { open: to, 'closed-in-office': { ...to, effect: 'deny', conditions: ['office'] } },
      }),
    );
    const none = new RevocationSet([]);
    expect(decide(set, SESSION, REQUEST, none, NOON_MONDAY)).toMatchObject({ outcome: 'deny', leaseMs: 0 });
    const tuesday = decide(set, SESSION, REQUEST, none, NOON_MONDAY + 86_400_000);
    expect(tuesday).toMatchObject({ outcome: 'allow', leaseMs: 0 });
  });

  it('lets no answer outlive a moment from which a rule begins to cover the call', () => {
    const rules = [{ when: 'now > timestamp("2027-01-01T00:00:00Z")' }];
    const set = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessPolicy: { open: to, 'closed-later': { ...to, effect: 'deny', rules } },
      }),
    );
    const decision = decide(set, SESSION, REQUEST, new RevocationSet([]), NOON_MONDAY);
    expect(decision).toMatchObject({ outcome: 'allow', leaseMs: 0 });
  });

  it.each(['clock-bound', '*'])(
    'lets no answer outlive a moment that a client workload reads: %s',
    (clientWorkload) => {
      const set = compilePolicySet(
        policySet({
          ClientWorkload: {
            'clock-bound': {
              selectors: { all: [{ claim: 'kubernetes.namespace', equals: 'prod' }] },
              condition: 'now < timestamp("2027-01-01T00:00:00Z")',
            },
          },
          ServerWorkload: { api: { hosts: ['api.example.com'] }, other: { hosts: ['other.example.com'] } },
          AccessPolicy: {
            timed: { clientWorkload, serverWorkload: 'api' },
            untimed: { clientWorkload: 'billing-agent', serverWorkload: 'other' },
          },
        }),
      );
      const none = new RevocationSet([]);
      const session = { ...SESSION, workloads: ['billing-agent', 'clock-bound'] };
      expect(decide(set, session, REQUEST, none, NOON_MONDAY)).toMatchObject({ outcome: 'allow', leaseMs: 0 });
      const outside = { ...SESSION, workloads: [] };
      expect(decide(set, outside, REQUEST, none, NOON_MONDAY)).toMatchObject({ outcome: 'deny', leaseMs: 0 });
      // A condition anywhere may read the names of all workloads.
      const elsewhere = decide(set, session, { ...REQUEST, host: 'other.example.com' }, none, NOON_MONDAY);
      expect(elsewhere).toMatchObject({ outcome: 'allow', leaseMs: 0 });
    },
  );
});
