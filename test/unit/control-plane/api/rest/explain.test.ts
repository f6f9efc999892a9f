import { describe, expect, it } from 'vitest';
import { createExplainer, type ExplainQuestion } from '../../../../../control-plane/api/rest/explain.ts';
import { policySet } from '../../../../support/control-plane/policy-set.ts';

const at = { clientWorkload: 'agent', serverWorkload: 'api' };
const explain = createExplainer({
  resources: {
    loadPolicySet: async () =>
      policySet({
        ClientWorkload: { agent: { selectors: { all: [{ claim: 'a', equals: 'b' }] } } },
        TrustProvider: { people: { type: 'oidc', for: 'user', issuer: 'https://id.test', audience: 'a' } },
        ServerWorkload: { api: { hosts: ['api.example.com'], inspectBytes: 1_000 } },
        AccessPolicy: {
          graphql: { ...at, rules: [{ paths: ['/graphql'], graphql: { types: ['query'] } }] },
          user: {
            ...at,
            rules: [{ paths: ['/mine'], when: 'user.claims.oidc.sub == "ann" && user.issuer == "https://id.test"' }],
          },
          bare: { ...at, rules: [{ paths: ['/bare'], when: 'user.claims.sub == "ann"' }] },
          mcp: { ...at, rules: [{ paths: ['/mcp'], mcp: { tools: ['read'] }, when: 'request.mcp.arguments.n < 3' }] },
        },
      }),
  },
  revocations: { list: async () => [] },
  clock: { now: () => 0 },
});

const asked = (question: Omit<ExplainQuestion, 'workload' | 'method'>) =>
  explain('acme', { workload: 'agent', method: 'POST', ...question });

const headers = ['Content-Type: application/json'];
const call = (name: string, given: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: given } });

it.each([
  ['TRACE', 'TRACE is not forwarded'],
  ['get', 'the method is not in upper case'],
])('does not say of %s, which no proxy forwards, that policy allows it', async (method, fault) => {
  const question = explain('acme', { workload: 'agent', url: 'https://api.example.com/bare', method });
  await expect(question).rejects.toMatchObject({ code: 'method-refused', message: expect.stringContaining(fault) });
});

describe('explain reads a supposed body as the proxy would', () => {
  it.each([
    ['/graphql', '{"query":"{ a }"}', 'ok'],
    ['/graphql', '{"query":"mutation { a }"}', 'rule-denied'],
    ['/graphql', '{"query":"{ a"}', 'body-uninspectable'],
    ['/graphql', JSON.stringify({ query: `{ ${'a '.repeat(1_000)} }` }), 'body-uninspectable'],
    ['/mcp', call('read', { n: 1 }), 'ok'],
    ['/mcp', call('read', { n: 3 }), 'rule-denied'],
    ['/mcp', `[${call('read', { n: 1 })}]`, 'message-refused'],
  ])('%s %s', async (path, body, reason) => {
    const answer = await asked({ url: `https://api.example.com${path}`, headers, body });
    expect(answer.reason).toBe(reason);
  });

  it.each([
    ['/mine', 'ann', 'ok'],
    ['/mine', 'https://id.test#ann', 'ok'],
    ['/mine', 'https://other.test#ann', 'rule-denied'],
    ['/mine', undefined, 'rule-denied'],
    ['/bare', 'ann', 'rule-denied'],
  ])('%s for the user %s, with the claims that attestation would give', async (path, user, reason) => {
    expect((await asked({ url: `https://api.example.com${path}`, user })).reason).toBe(reason);
  });

  it('does not say that claims match which nobody gave', async () => {
    const { steps } = await asked({ url: 'https://api.example.com/other' });
    expect(steps).toContainEqual(
      expect.objectContaining({ check: 'client-workload', detail: 'supposed; a real caller is known by its evidence' }),
    );
  });

  it('says why a body could not be read', async () => {
    const answer = await asked({ url: 'https://api.example.com/graphql', headers, body: '{"query":1,"query":2}' });
    expect(answer).toMatchObject({ reason: 'body-uninspectable', detail: 'it has a key twice in one object' });
    expect(answer.steps).toContainEqual(expect.objectContaining({ check: 'rule', name: 'graphql', outcome: 'fail' }));
  });

  it('shows what the rules would cover when none covers the call', async () => {
    const { steps } = await asked({ url: 'https://api.example.com/other' });
    const details = steps.filter(({ check }) => check === 'rule').map(({ detail }) => detail);
    expect(details).toEqual([
      'does not cover POST /other, but any method /bare with when user.claims.sub == "ann"',
      'does not cover POST /other, but any method /graphql with graphql {"types":["query"]}',
      'does not cover POST /other, but any method /mcp with mcp {"tools":["read"]} and when request.mcp.arguments.n < 3',
      'does not cover POST /other, but any method /mine with when user.claims.oidc.sub == "ann" && user.issuer == "https://id.test"',
    ]);
  });

  it('refuses a header line that is none', async () => {
    await expect(asked({ url: 'https://api.example.com/', headers: ['x'] })).rejects.toThrow('name: value');
  });
});
