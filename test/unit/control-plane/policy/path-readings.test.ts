import { expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const isAcme = { type: 'cel', expression: 'request.vars.owner == "acme"' };
const isAdmin = { type: 'cel', expression: 'request.path.startsWith("/admin/")' };

function reason(path: string, policies: Record<string, object>): string {
  const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
  const set = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'] } },
    AccessCondition: { 'is-acme': isAcme, 'is-admin': isAdmin },
    AccessPolicy: Object.fromEntries(Object.entries(policies).map(([name, spec]) => [name, { ...to, ...spec }])),
  });
  return decide(compilePolicySet(set), SESSION, { ...REQUEST, path }, new RevocationSet([]), 0).reason;
}

const deny = (spec: object) => ({ allow: {}, deny: { effect: 'deny', ...spec } });
const owner = { paths: ['/repos/{owner}/**'] };

// A server that decodes or drops what the canonical path keeps must not be told what policy denies (attack A-11).
it.each<[string, object, string]>([
  ['a variable', { rules: [{ ...owner, when: isAcme.expression }] }, '/repos/acme%2Fx/y'],
  ['a variable, with a parameter', { rules: [{ ...owner, when: isAcme.expression }] }, '/repos/acme;v=1/x'],
  ['a variable in a condition', { rules: [owner], conditions: ['is-acme'] }, '/repos/acme%2Fx/y'],
  ['the path in an expression', { rules: [{ when: isAdmin.expression }] }, '/admin%2Fusers'],
  ['the path in a condition of all calls', { conditions: ['is-admin'] }, '/admin;x/users'],
  ['a gRPC method', { rules: [{ grpc: { methods: ['Delete*'] } }] }, '/acme.v1.Items%2FDeleteItem'],
])('what is denied by %s is denied in every reading', (_title, spec, path) => {
  expect(reason(path, deny(spec))).toBe('policy-denied');
  expect(reason('/repos/other%2Fx/y', deny(spec))).toBe('ok');
});

it('what is allowed by a variable is allowed for the path itself alone', () => {
  const rules = (name: string) => [{ ...owner, when: `request.vars.owner == "${name}"` }];
  expect(reason('/repos/acme%2Fx/y', { allow: { rules: rules('acme') } })).toBe('rule-denied');
  expect(reason('/repos/acme%2Fx/y', { allow: { rules: rules('acme/x') } })).toBe('ok');
});
