import { expect, it } from 'vitest';
import { type CredentialProviderSpec, SPECS } from '../../../../control-plane/resources/kinds.ts';
import {
  bindingChanges,
  bindingOf,
  bindingText,
  isBoundSo,
  type NamedBySecrets,
} from '../../../../control-plane/resources/secret-binding.ts';

const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const agents = { trust: ['cluster'], clientWorkloads: ['agent'] };
const bound = { hosts: ['api.example.com'], inject: [{ type: 'bearer' }] };

const stored = (boundTo?: object): CredentialProviderSpec =>
  SPECS.CredentialProvider.parse({ type: 'static', secret: { sealed: true }, boundTo });
const oauth = (changes: object = {}): CredentialProviderSpec =>
  SPECS.CredentialProvider.parse({
    type: 'oauth2-client-credentials',
    tokenUrl: 'https://id.example.com/token',
    clientId: 'me',
    auth: { method: 'client_secret_basic', clientSecret: { sealed: true } },
    ...changes,
  });
const jwt = SPECS.CredentialProvider.parse({ type: 'jwt', audience: 'a', subject: 's' });
const named = (trust: object = {}, workload: object = {}): NamedBySecrets => ({
  trustProviders: new Map([
    ['cluster', SPECS.TrustProvider.parse({ type: 'oidc', issuer: 'https://id.test', audience: 'sidekey', ...trust })],
    ['other', SPECS.TrustProvider.parse({ type: 'local' })],
  ]),
  clientWorkloads: new Map([
    [
      'agent',
      SPECS.ClientWorkload.parse({ selectors: { all: [{ claim: 'oidc.sub', equals: 'agent' }] }, ...workload }),
    ],
  ]),
});
const among = { ...bound, agents };
const secret = { sealed: true };

it.each<[what: string, before: CredentialProviderSpec, after: CredentialProviderSpec, now: NamedBySecrets, boolean]>([
  ['all is the same', stored(among), stored(among), named(), true],
  ['nothing binds it', stored(), stored(), named(), true],
  ['a binding comes', stored(), stored(bound), named(), false],
  ['a binding goes', stored(bound), stored(), named(), false],
  ['another host', stored(bound), stored({ ...bound, hosts: ['evil.example'] }), named(), false],
  ['another port', stored(bound), stored({ ...bound, ports: [8443] }), named(), false],
  ['the default written out', stored(bound), stored({ ...bound, ports: [443] }), named(), true],
  ['cleartext', stored(bound), stored({ ...bound, tls: { mode: 'plaintext' } }), named(), false],
  ['another place', stored(bound), stored({ ...bound, inject: [{ type: 'query', name: 'q' }] }), named(), false],
  ['for everybody', stored(among), stored(bound), named(), false],
  ['another audience of its trust provider', stored(among), stored(among), named({ audience: 'mine' }), false],
  ['of which it names none', stored(bound), stored(bound), named({ audience: 'mine' }), true],
  [
    'other selectors of its client workload',
    stored(among),
    stored(among),
    named({}, { selectors: { all: [{ claim: 'oidc.sub', prefix: 'a' }] } }),
    false,
  ],
  ['a condition of it', stored(among), stored(among), named({}, { condition: 'true' }), false],
  ['its owner alone', stored(among), stored(among), named({}, { owner: 'me' }), true],
  ['a token endpoint without more', oauth(), oauth(), named(), true],
  ['another token endpoint', oauth(), oauth({ tokenUrl: 'https://evil.example/token' }), named(), false],
  ['another client', oauth(), oauth({ clientId: 'you' }), named(), false],
  ['another method', oauth(), oauth({ auth: { method: 'client_secret_post', clientSecret: secret } }), named(), false],
  ['an authority for the endpoint', oauth(), oauth({ ca: CA }), named(), false],
  ['addresses for the endpoint', oauth(), oauth({ allowedAddresses: ['10.0.0.0/8'] }), named(), false],
  ['another scope', oauth(), oauth({ scope: 'all' }), named(), true],
  ['a token endpoint where there was none', stored(), oauth(), named(), false],
])('a secret stays bound so: %s', (_what, before, after, now, stays) => {
  const wanted = bindingOf(after, now);
  expect(isBoundSo(bindingText(bindingOf(before, named())), wanted)).toBe(stays);
});

it('is told from no binding by its text', () => {
  expect([stored(), jwt].map((spec) => bindingText(bindingOf(spec, named())))).toEqual(['', '']);
  expect(bindingText(bindingOf(oauth(), named()))).toContain('https://id.example.com/token');
  const gone = bindingOf(stored({ ...bound, agents: { trust: ['gone'], clientWorkloads: ['gone'] } }), named());
  expect([gone.trust, gone.clientWorkloads]).toStrictEqual([{}, {}]);
  expect(isBoundSo('{"trust":{},"clientWorkloads":{}}', bindingOf(stored(), named()))).toBe(false);
});

it('is read from a text of an older release as it would be written now, and from no other', () => {
  const wanted = bindingOf(stored(bound), named());
  const older = { trust: {}, clientWorkloads: {}, boundTo: bound };
  expect(isBoundSo(JSON.stringify(older), wanted)).toBe(true);
  const elsewhere = { ...older, boundTo: { ...bound, hosts: ['evil.example'] } };
  for (const text of [JSON.stringify(elsewhere), '{}', '{"trust":{},"clientWorkloads":{}}', '[]']) {
    expect(isBoundSo(text, wanted), text).toBe(false);
  }
});

it.each<[what: string, before: CredentialProviderSpec, after: CredentialProviderSpec, now: NamedBySecrets, string[]]>([
  ['nothing', stored(among), stored(among), named(), []],
  [
    'its own fields first',
    stored(among),
    stored({ ...among, hosts: ['b.example.com'], ports: [1] }),
    named({ audience: 'mine' }),
    ['CredentialProvider/key: spec.boundTo.hosts[0]', 'CredentialProvider/key: spec.boundTo.ports[0]'],
  ],
  [
    'fields of the token endpoint, as they are written',
    oauth(),
    oauth({ clientId: 'you', auth: { method: 'client_secret_post', clientSecret: secret } }),
    named(),
    ['CredentialProvider/key: spec.clientId', 'CredentialProvider/key: spec.auth.method'],
  ],
  ['its type', oauth({ boundTo: bound }), stored(bound), named(), ['CredentialProvider/key: spec.type']],
  [
    'those whom it names',
    stored(among),
    stored(among),
    named({ audience: 'mine' }, { condition: 'true' }),
    ['TrustProvider/cluster: spec.audience', 'ClientWorkload/agent: spec.condition'],
  ],
])('shows what changed of it: %s', (_what, before, after, now, fields) => {
  const issues = bindingChanges('key', bindingOf(before, named()), bindingOf(after, now));
  expect(issues.map(({ kind, name, field }) => `${kind}/${name}: ${field}`)).toEqual(fields);
  expect(issues.filter(({ message }) => !message.includes('give its value again'))).toEqual([]);
});
