import { describe, expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import type { RequestFacts, RevocationTargetName, SessionFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const NOON_MONDAY = Date.UTC(2026, 10, 23, 12, 0);

interface Case {
  readonly title: string;
  readonly policies: Record<string, unknown>;
  readonly conditions?: Record<string, unknown>;
  readonly session?: Partial<SessionFacts>;
  readonly request?: Partial<RequestFacts>;
  readonly revoked?: readonly [RevocationTargetName, string];
  readonly expected: string;
}

const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const any = { clientWorkload: '*', serverWorkload: 'api' };
const deny = { effect: 'deny' };
const never = { type: 'cel', expression: 'false' };
const always = { type: 'cel', expression: 'true' };
const broken = { type: 'cel', expression: 'user.claims.missing == "x"' };
const office = { type: 'time-window', days: ['mon'], from: '09:00', to: '17:00' };

/** `expected` is the reason, then the policy that decided. docs/policy.md tells the same in words. */
const CASES: readonly Case[] = [
  { title: 'nothing matches: denied', policies: {}, expected: 'no-policy' },
  { title: 'a policy allows', policies: { a: to }, expected: 'ok a' },
  { title: 'unknown host', policies: { a: to }, request: { host: 'other.example.com' }, expected: 'no-route' },
  { title: 'unknown port', policies: { a: to }, request: { port: 8443 }, expected: 'no-route' },
  { title: 'no workload', policies: { a: any }, session: { workloads: [] }, expected: 'workload-unknown' },
  { title: 'another workload', policies: { a: to }, session: { workloads: ['x'] }, expected: 'no-policy' },
  {
    title: 'cleartext to a server that wants TLS',
    policies: { a: to },
    request: { scheme: 'http' },
    expected: 'cleartext-refused',
  },
  {
    title: 'a deny that does not cover leaves it to an allow that does not either',
    policies: {
      a: { ...to, rules: [{ methods: ['PUT'] }] },
      b: { ...to, ...deny, rules: [{ methods: ['DELETE'] }] },
    },
    expected: 'rule-denied',
  },
  {
    title: 'nothing that allows applies, and a deny does not cover',
    policies: { b: { ...to, ...deny, rules: [{ methods: ['DELETE'] }] } },
    expected: 'no-policy',
  },
  {
    title: 'method not in the rules',
    policies: { a: { ...to, rules: [{ methods: ['GET'] }] } },
    request: { method: 'DELETE' },
    expected: 'rule-denied',
  },
  {
    title: 'methods are compared exactly',
    policies: { a: { ...to, rules: [{ methods: ['GET'] }] } },
    request: { method: 'get' },
    expected: 'rule-denied',
  },
  {
    title: 'path not in the rules',
    policies: { a: { ...to, rules: [{ paths: ['/v2/**'] }] } },
    expected: 'rule-denied',
  },
  { title: 'path in the rules', policies: { a: { ...to, rules: [{ paths: ['/v1/*'] }] } }, expected: 'ok a' },
  {
    title: 'an encoded slash is a byte of its segment where calls are allowed',
    policies: { a: { ...to, rules: [{ paths: ['/projects/*'] }] } },
    request: { path: '/projects/group%2Fproject' },
    expected: 'ok a',
  },
  {
    title: 'what is denied is denied however a server may read the path',
    policies: { a: to, b: { ...to, ...deny, rules: [{ paths: ['/admin/**'] }] } },
    request: { path: '/admin%2Fusers' },
    expected: 'policy-denied b',
  },
  {
    title: 'what is denied is denied with empty segments and parameters too',
    policies: { a: to, b: { ...to, ...deny, rules: [{ paths: ['/v1/admin/**'] }] } },
    request: { path: '/v1//admin;x=1/users' },
    expected: 'policy-denied b',
  },
  ...['/v1/keys/', '/v1/Keys', '/V1/KEYS/', '/v1/%E2%84%AAeys'].map((path) => ({
    title: `what is denied is denied whatever the case and the slash at the end: ${path}`,
    policies: { a: { ...to, rules: [{ paths: ['/**'] }] }, b: { ...to, ...deny, rules: [{ paths: ['/v1/keys'] }] } },
    request: { path },
    expected: 'policy-denied b',
  })),
  {
    title: 'a method is denied in any case',
    policies: { a: to, b: { ...to, ...deny, rules: [{ methods: ['DELETE'] }] } },
    request: { method: 'delete' },
    expected: 'policy-denied b',
  },
  {
    title: 'what is allowed is allowed as it stands',
    policies: { a: { ...to, rules: [{ paths: ['/v1/invoices'] }] } },
    request: { path: '/v1/Invoices' },
    expected: 'rule-denied',
  },
  {
    title: 'a slash at the end of what is denied counts as none',
    policies: { a: to, b: { ...to, ...deny, rules: [{ paths: ['/v1/{name}/'] }] } },
    expected: 'policy-denied b',
  },
  { title: 'equally specific: deny wins', policies: { a: to, b: { ...to, ...deny } }, expected: 'policy-denied b' },
  { title: 'equally specific: the first by name that holds allows', policies: { b: to, a: to }, expected: 'ok a' },
  { title: 'a named workload beats *', policies: { a: { ...any, ...deny }, b: to }, expected: 'ok b' },
  {
    title: 'a named denial beats * allowance',
    policies: { a: any, b: { ...to, ...deny } },
    expected: 'policy-denied b',
  },
  {
    title: 'a narrower path beats a wider one',
    policies: { a: { ...to, ...deny, rules: [{ paths: ['/**'] }] }, b: { ...to, rules: [{ paths: ['/v1/**'] }] } },
    expected: 'ok b',
  },
  {
    title: 'an exact path beats a pattern',
    policies: {
      a: { ...to, rules: [{ paths: ['/v1/*'] }] },
      b: { ...to, ...deny, rules: [{ paths: ['/v1/invoices'] }] },
    },
    expected: 'policy-denied b',
  },
  {
    title: 'a path beats methods',
    policies: { a: { ...to, ...deny, rules: [{ methods: ['GET'] }] }, b: { ...to, rules: [{ paths: ['/v1/**'] }] } },
    expected: 'ok b',
  },
  {
    title: 'methods beat nothing',
    policies: { a: to, b: { ...to, ...deny, rules: [{ methods: ['DELETE'] }] } },
    request: { method: 'DELETE' },
    expected: 'policy-denied b',
  },
  {
    title: 'a denial for another method does not count',
    policies: { a: to, b: { ...to, ...deny, rules: [{ methods: ['DELETE'] }] } },
    expected: 'ok a',
  },
  {
    title: 'a failing condition denies',
    policies: { a: { ...to, conditions: ['c'] } },
    conditions: { c: never },
    expected: 'condition-failed a',
  },
  {
    title: 'a condition that cannot be evaluated denies',
    policies: { a: { ...to, conditions: ['c'] } },
    conditions: { c: broken },
    expected: 'condition-error a',
  },
  {
    title: 'a missing condition denies',
    policies: { a: { ...to, conditions: ['gone'] } },
    expected: 'condition-error a',
  },
  {
    title: 'no way round a failing specific policy',
    policies: { a: any, b: { ...to, conditions: ['c'] } },
    conditions: { c: never },
    expected: 'condition-failed b',
  },
  {
    title: 'an equally specific policy may still allow',
    policies: { a: { ...to, conditions: ['c'] }, b: to },
    conditions: { c: never },
    expected: 'ok b',
  },
  {
    title: 'a denial whose condition does not hold is passed over',
    policies: { a: any, b: { ...to, ...deny, conditions: ['c'] } },
    conditions: { c: never },
    expected: 'ok a',
  },
  {
    title: 'a denial whose condition holds',
    policies: { a: any, b: { ...to, ...deny, conditions: ['c'] } },
    conditions: { c: always },
    expected: 'policy-denied b',
  },
  {
    title: 'a denial whose condition breaks denies',
    policies: { a: any, b: { ...to, ...deny, conditions: ['c'] } },
    conditions: { c: broken },
    expected: 'policy-denied b',
  },
  {
    title: 'inside the time window',
    policies: { a: { ...to, conditions: ['c'] } },
    conditions: { c: office },
    expected: 'ok a',
  },
  {
    title: 'trust that the session lacks',
    policies: { a: { ...to, trust: ['cluster', 'people'] } },
    expected: 'trust-insufficient a',
  },
  { title: 'trust that the session has', policies: { a: { ...to, trust: ['cluster'] } }, expected: 'ok a' },
  { title: 'revoked tenant', policies: { a: to }, revoked: ['tenant', 'acme'], expected: 'tenant-revoked' },
  { title: 'revoked session', policies: { a: to }, revoked: ['session', 'session-1'], expected: 'session-revoked' },
  {
    title: 'revoked workload',
    policies: { a: to },
    revoked: ['workload', 'billing-agent'],
    expected: 'workload-revoked',
  },
  {
    title: 'revoked user',
    policies: { a: to },
    session: { user: 'https://id.test#ann' },
    revoked: ['user', 'https://id.test#ann'],
    expected: 'user-revoked',
  },
  {
    title: 'a user revoked by the subject alone',
    policies: { a: to },
    session: { user: 'https://id.test#ann' },
    revoked: ['user', 'ann'],
    expected: 'user-revoked',
  },
  {
    title: 'the same subject of another issuer, revoked',
    policies: { a: to },
    session: { user: 'https://id.test#ann' },
    revoked: ['user', 'https://other.test#ann'],
    expected: 'ok a',
  },
  { title: 'revoked policy', policies: { a: to }, revoked: ['policy', 'a'], expected: 'policy-revoked a' },
  {
    title: 'no way round a revoked policy',
    policies: { a: any, b: to },
    revoked: ['policy', 'b'],
    expected: 'policy-revoked b',
  },
  {
    title: 'revoked credential',
    policies: { a: { ...to, credentials: [{ provider: 'key', inject: { type: 'bearer' } }] } },
    revoked: ['credential', 'key'],
    expected: 'credential-revoked a',
  },
  { title: 'a revocation of something else', policies: { a: to }, revoked: ['workload', 'other'], expected: 'ok a' },
];

describe('decide', () => {
  it.each(CASES)('$title', ({ policies, conditions = {}, session = {}, request = {}, revoked, expected }) => {
    const set = compilePolicySet(
      policySet({
        ServerWorkload: { api: { hosts: ['api.example.com'] } },
        AccessCondition: conditions,
        AccessPolicy: policies,
      }),
    );
    const active = revoked ? [{ id: 'r', target: revoked[0], name: revoked[1], atMs: 0 }] : [];
    const decision = decide(
      set,
      { ...SESSION, ...session },
      { ...REQUEST, ...request },
      new RevocationSet(active),
      NOON_MONDAY,
    );
    expect([decision.reason, decision.policy?.name].filter(Boolean).join(' ')).toBe(expected);
    expect(decision.outcome).toBe(expected.startsWith('ok') ? 'allow' : 'deny');
    expect(decision.steps.at(-1)?.check).toBe('decision');
  });

  it.each([
    ['api.example.com', 8443, 'none covers api.example.com:8443; api covers it at 443, 9443'],
    ['other.example.com', 443, 'none covers other.example.com:443'],
  ])('says which server workload covers the host at another port: %s %i', (host, port, detail) => {
    const set = compilePolicySet(
      policySet({ ServerWorkload: { api: { hosts: ['api.example.com'], ports: [443, 9443] } }, AccessPolicy: {} }),
    );
    const { steps } = decide(set, SESSION, { ...REQUEST, host, port }, new RevocationSet([]), NOON_MONDAY);
    expect(steps.find(({ check }) => check === 'server-workload')).toMatchObject({ outcome: 'fail', detail });
  });
});
