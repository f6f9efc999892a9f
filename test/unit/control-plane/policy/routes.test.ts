import { describe, expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { routesOf } from '../../../../control-plane/policy/routes.ts';
import { policySet } from '../../../support/control-plane/policy-set.ts';

const session = { workloads: ['billing-agent'] };
const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const credentials = [{ provider: 'key', inject: { type: 'header', name: 'X-Key' } }];
const stale = (maxAgeSeconds: number): unknown => ({ failMode: { type: 'stale', maxAgeSeconds } });

function routes(
  policies: Record<string, unknown>,
  conditions: Record<string, unknown> = {},
  asked = session,
): unknown[] {
  const set = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'] }, other: { hosts: ['other.example.com'] } },
    AccessCondition: conditions,
    AccessPolicy: policies,
  });
  return routesOf(compilePolicySet(set), asked, (workload, provider) => `${workload}/${provider}`);
}

describe('routesOf', () => {
  it('shows only what a policy connects with the session', () => {
    expect(routes({})).toEqual([]);
    expect(routes({ a: { ...to, clientWorkload: 'someone' } })).toEqual([]);
    expect(routes({ a: to })).toMatchObject([{ serverWorkload: 'api', ports: [443], injectsCredential: false }]);
    const all = { a: { ...to, clientWorkload: '*' } };
    expect(routes(all)).toHaveLength(1);
    expect(routes(all, {}, { workloads: [] })).toEqual([]);
  });

  it('says what is spoken without TLS', () => {
    const tls = { mode: 'plaintext' };
    const servers = {
      api: { hosts: ['a.example.com'], tls, protocol: 'h2c' },
      other: { hosts: ['b.example.com'], tls },
    };
    const policies = { a: to, b: { ...to, serverWorkload: 'other' } };
    const set = compilePolicySet(policySet({ ServerWorkload: servers, AccessPolicy: policies }));
    const found = routesOf(set, session, () => '').map(({ serverWorkload, protocol }) => [serverWorkload, protocol]);
    expect(Object.fromEntries(found)).toEqual({ api: 'h2c', other: 'http' });
  });

  it('unites facts and credential places of the policies that apply', () => {
    const conditions = { reason: { type: 'cel', expression: 'request.headers["x-reason"] != ""' } };
    const policies = {
      a: { ...to, rules: [{ paths: ['/v1/**'] }], credentials },
      b: { ...to, conditions: ['reason'], credentials: [{ provider: 'key', inject: { type: 'query', name: 'key' } }] },
    };
    expect(routes(policies, conditions)).toMatchObject([
      {
        injectsCredential: true,
        decisionFacts: [1, 3],
        credentialHeaders: ['X-Key'],
        credentialQueryParameters: ['key'],
      },
    ]);
  });

  it.each([
    ['/**', [], []],
    ['/**', [{ methods: ['DELETE'] }], []],
    ['/**', [{ paths: ['/v1/**'] }], [1]],
    ['/{any}', [], [1]],
    ['/**/x', [], [1]],
  ])('asks for no path where every path fits: %s beside %o', (path, more, decisionFacts) => {
    const policies = { a: { ...to, rules: [{ paths: [path] }, ...more] } };
    expect(routes(policies)).toMatchObject([{ decisionFacts }]);
  });

  it('names what goes into a form as a parameter too: to servlets the one in the query is the first', () => {
    const inForm = [
      { provider: 'key', inject: { type: 'form-field', name: 'token' } },
      { provider: 'other', inject: { type: 'placeholder', in: 'form', name: 'secret' } },
    ];
    expect(routes({ a: { ...to, credentials: inForm } })).toMatchObject([
      { credentialQueryParameters: ['secret', 'token'], credentialHeaders: [], credentialCookies: [] },
    ]);
  });

  it('names cookies and the placeholders of this session', () => {
    const at = { type: 'placeholder', in: 'header', name: 'X-Token', environment: 'TOKEN' };
    const policies = {
      a: { ...to, clientWorkload: '*', credentials: [{ provider: 'key', inject: at }] },
      b: { ...to, credentials: [{ provider: 'key', inject: { type: 'cookie', name: 'sid' } }] },
      c: { ...to, clientWorkload: 'someone', credentials: [{ provider: 'other', inject: at }] },
    };
    expect(routes(policies)).toMatchObject([
      {
        credentialHeaders: ['X-Token'],
        credentialCookies: ['sid'],
        placeholders: [
          { placeholder: 'billing-agent/key', place: { location: 1, name: 'X-Token' }, environment: 'TOKEN' },
        ],
      },
    ]);
  });

  it("names what holds on the agent's side: forms of paths, variables that credentials replace", () => {
    const set = policySet({
      ServerWorkload: { api: { hosts: ['api.example.com'], paths: { encodedSlash: 'keep' } } },
      CredentialProvider: {
        key: { type: 'static', secret: { value: 'x' }, replaces: ['GITHUB_TOKEN', 'GH_ENTERPRISE'] },
        other: { type: 'static', secret: { value: 'x' }, replaces: ['OTHER'] },
      },
      AccessPolicy: {
        a: { ...to, credentials },
        b: { ...to, clientWorkload: 'someone', credentials: credentials.map((one) => ({ ...one, provider: 'other' })) },
      },
    });
    expect(routesOf(compilePolicySet(set), session, () => '')).toMatchObject([
      {
        agent: {
          paths: { encodedSlash: true, emptySegments: false, parameters: false },
          replacedVariables: ['GH_ENTERPRISE', 'GITHUB_TOKEN'],
        },
      },
    ]);
  });

  it('fails closed unless every allowing policy says stale', () => {
    expect(routes({ a: { ...to, ...(stale(60) as object) }, b: to })).toMatchObject([
      { failMode: { staleMaxAge: undefined } },
    ]);
    expect(routes({ a: { ...to, ...(stale(60) as object) }, b: { ...to, ...(stale(9) as object) } })).toMatchObject([
      { failMode: { staleMaxAge: { seconds: 9 } } },
    ]);
  });
});
