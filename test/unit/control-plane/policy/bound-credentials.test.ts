import { expect, it } from 'vitest';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { explain } from '../../../../control-plane/policy/explain.ts';
import type { RequestFacts, SessionFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

const boundTo = {
  hosts: ['api.example.com'],
  inject: [{ type: 'bearer' }],
  agents: { trust: ['cluster'], clientWorkloads: ['billing-agent'] },
};

/** What `apply` would refuse, as somebody may have written it into the database. */
function ask(
  server: object,
  policy: object,
  request: Partial<RequestFacts> = {},
  session: Partial<SessionFacts> = {},
): ReturnType<typeof explain> {
  const set = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'], ...server } },
    CredentialProvider: { key: { type: 'static', secret: { sealed: true }, boundTo } },
    AccessPolicy: {
      a: {
        clientWorkload: 'billing-agent',
        serverWorkload: 'api',
        credentials: [{ provider: 'key', inject: { type: 'bearer' } }],
        ...policy,
      },
    },
  });
  const none = new RevocationSet([]);
  return explain(compilePolicySet(set), { ...SESSION, ...session }, { ...REQUEST, ...request }, none, 0);
}

it('shows what a credential is bound to', () => {
  const { outcome, steps } = ask({}, {});
  expect(outcome).toBe('allow');
  expect(steps).toContainEqual({
    check: 'binding',
    name: 'key',
    outcome: 'pass',
    detail: 'bound to api.example.com',
  });
});

it.each<[string, object, object, Partial<RequestFacts>, string]>([
  ['another host', { hosts: ['evil.example'] }, {}, { host: 'evil.example' }, 'the host evil.example'],
  ['another port', { ports: [443, 8443] }, {}, { port: 8443 }, 'port 8443'],
  ['cleartext', { ports: [443], tls: { mode: 'plaintext' } }, {}, { scheme: 'http' }, 'cleartext'],
  ['another name', { tls: { serverName: 'evil.example' } }, {}, {}, 'a certificate for another name'],
  [
    'another place',
    {},
    { credentials: [{ provider: 'key', inject: { type: 'json-field', pointer: '/text' } }] },
    {},
    'this place (json-field)',
  ],
  ['all client workloads', {}, { clientWorkload: '*' }, {}, 'all client workloads'],
])('denies %s', (_title, server, policy, request, beyond) => {
  const { outcome, reason, detail, steps } = ask(server, policy, request);
  expect([outcome, reason]).toEqual(['deny', 'binding-mismatch']);
  expect(detail).toContain(`the secret of key is not bound to ${beyond}`);
  expect(steps.at(-2)).toMatchObject({ check: 'binding', name: 'key', outcome: 'fail' });
});

it('denies a session without the evidence', () => {
  const { outcome, reason, detail } = ask({}, {}, {}, { trust: ['mine'] });
  expect([outcome, reason]).toEqual(['deny', 'trust-insufficient']);
  expect(detail).toContain('bound to evidence of cluster');
});

it('sends calls over TLS to a server that takes cleartext too, and binds no token request', () => {
  expect(ask({ tls: { mode: 'plaintext' } }, {}).outcome).toBe('allow');
  const tokens = { credentials: [{ provider: 'key', inject: { type: 'oauth-token', path: '/token' } }] };
  expect(ask({}, tokens).outcome).toBe('allow');
});
