import { expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import type { RequestFacts, RevocationTargetName, SessionFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const bearer = [{ provider: 'key', inject: { type: 'bearer' } }];
const set = compilePolicySet(
  policySet({
    ServerWorkload: {
      api: { hosts: ['api.example.com'] },
      git: { hosts: ['api.github.com'] },
      ledger: { hosts: ['ledger.example.com'] },
    },
    AccessPolicy: {
      read: { ...to, trust: ['cluster'], rules: [{ methods: ['GET'] }] },
      write: { ...to, trust: ['people'], rules: [{ methods: ['PUT'] }], credentials: bearer },
      people: { ...to, clientWorkload: 'person', credentials: bearer },
      pay: { ...to, serverWorkload: 'ledger', rules: [{ when: 'request.json.amount < 7' }] },
      tell: { ...to, serverWorkload: 'ledger', rules: [{ jsonRpc: {} }] },
      code: { ...to, serverWorkload: 'git', credentials: bearer },
    },
  }),
);

/** What `sidekey explain` shows, a line for each step. */
function lines(
  request: Partial<RequestFacts>,
  session: Partial<SessionFacts>,
  revoked?: [RevocationTargetName, string],
) {
  const active = revoked ? [{ id: 'r', target: revoked[0], name: revoked[1], atMs: 0 }] : [];
  const { steps } = decide(set, { ...SESSION, ...session }, { ...REQUEST, ...request }, new RevocationSet(active), 0);
  return steps.map(({ check, name, outcome, detail }) => `${outcome} ${check} ${name || '-'}: ${detail}`);
}

const live = 'pass revocation session-1: nothing about this session is revoked';
const api = 'pass server-workload api: covers api.example.com:443';
const agent = 'pass client-workload billing-agent: the claims match';
const person = { workloads: ['person'] };

it.each<[string, Partial<RequestFacts>, Partial<SessionFacts>, [RevocationTargetName, string] | undefined, string[]]>([
  [
    'a revoked session',
    {},
    {},
    ['session', 'session-1'],
    ['fail revocation session-1: session-revoked', 'fail decision -: session-revoked'],
  ],
  [
    'a host that no server workload has',
    { host: 'other.example.com' },
    {},
    undefined,
    [live, 'fail server-workload -: none covers other.example.com:443', 'fail decision -: no-route'],
  ],
  [
    'claims that no client workload has',
    {},
    { workloads: [] },
    undefined,
    [live, api, 'fail client-workload -: the claims match none', 'fail decision -: workload-unknown'],
  ],
  [
    'cleartext',
    { scheme: 'http' },
    {},
    undefined,
    [live, api, agent, 'fail server-workload api: is not allowed over cleartext', 'fail decision -: cleartext-refused'],
  ],
  [
    'a workload that no policy speaks of',
    {},
    { workloads: ['other'] },
    undefined,
    [
      live,
      api,
      'pass client-workload other: the claims match',
      'fail policy -: none connects this workload and api',
      'fail decision -: no-policy',
    ],
  ],
  [
    'what is allowed',
    {},
    {},
    undefined,
    [
      live,
      api,
      agent,
      'pass rule read: covers GET /v1/invoices',
      'fail rule write: does not cover GET /v1/invoices, but PUT any path',
      'pass trust cluster: evidence verified',
      'pass decision read: allowed',
    ],
  ],
  [
    'trust that is missing',
    { method: 'PUT' },
    {},
    undefined,
    [
      live,
      api,
      agent,
      'fail rule read: does not cover PUT /v1/invoices, but GET any path',
      'pass rule write: covers PUT /v1/invoices',
      'fail trust people: no evidence of this trust provider',
      'fail decision write: trust-insufficient',
    ],
  ],
  [
    'a revoked policy',
    {},
    person,
    ['policy', 'people'],
    [
      live,
      api,
      'pass client-workload person: the claims match',
      'pass rule people: covers GET /v1/invoices',
      'fail revocation people: the policy is revoked',
      'fail decision people: policy-revoked',
    ],
  ],
  [
    'a revoked credential',
    {},
    person,
    ['credential', 'key'],
    [
      live,
      api,
      'pass client-workload person: the claims match',
      'pass rule people: covers GET /v1/invoices',
      'fail revocation key: the credential is revoked',
      'fail decision people: credential-revoked',
    ],
  ],
  [
    'rules over what could not be read, the first of which gives the reason',
    {
      host: 'ledger.example.com',
      inspected: {
        unreadable: [
          { fact: 'jsonRpc', why: 'it is a batch' },
          { fact: 'json', why: 'it is too long' },
        ],
      },
    },
    {},
    undefined,
    [
      live,
      'pass server-workload ledger: covers ledger.example.com:443',
      agent,
      'fail rule pay: could not be asked: it is too long',
      'fail rule tell: could not be asked: it is a batch',
      'fail decision -: body-uninspectable',
    ],
  ],
  [
    'an endpoint that shows secrets',
    { host: 'api.github.com', method: 'POST', path: '/app/installations/1/access_tokens' },
    {},
    undefined,
    [
      live,
      'pass server-workload git: covers api.github.com:443',
      agent,
      'pass rule code: covers POST /app/installations/1/access_tokens',
      'fail rule-pack github-tokens: makes or shows secrets; the policy does not open it',
      'fail decision code: secret-endpoint',
    ],
  ],
])('every step of a decision is told: %s', (_title, request, session, revoked, expected) => {
  expect(lines(request, session, revoked)).toEqual(expected);
});
