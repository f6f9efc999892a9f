import { expect, it } from 'vitest';
import { checkBindings, checkBoundAgents } from '../../../../control-plane/resources/check-bindings.ts';
import type { Resource } from '../../../../control-plane/resources/kinds.ts';
import { parseResource } from '../../../../control-plane/resources/parse-resource.ts';

function resource(kind: string, name: string, spec: object, labels: Record<string, string> = {}): Resource {
  const parsed = parseResource({ apiVersion: 'sidekey.dev/v1', kind, metadata: { name, labels }, spec });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.resource;
}

const bound = { hosts: ['api.example.com'], inject: [{ type: 'bearer' }] };
const key = (boundTo?: object, name = 'key') =>
  resource('CredentialProvider', name, { type: 'static', secret: { sealed: true }, boundTo });
const server = (name: string, ...hosts: string[]) => resource('ServerWorkload', name, { hosts });
const policy = (serverWorkload: string, ...types: string[]) =>
  resource('AccessPolicy', 'lends', {
    clientWorkload: 'agent',
    serverWorkload,
    credentials: types.map((type) => ({ provider: 'key', inject: type === 'query' ? { type, name: 'q' } : { type } })),
  });
const client = (name: string) =>
  resource('ClientWorkload', name, { selectors: { all: [{ claim: 'local.uid', equals: '1' }] } });
const api = server('api', 'api.example.com');
const evil = server('evil', 'evil.example');

it.each<[what: string, resources: Resource[], issues: string[]]>([
  ['within', [api, key(bound), policy('api', 'bearer')], []],
  ['beyond, in whatever order', [policy('evil', 'bearer'), evil, api, key(bound)], ['[0] the host evil.example']],
  [
    'beyond, where others have the same names',
    [evil, key(bound), policy('evil', 'bearer'), client('evil'), client('key')],
    ['[0] the host evil.example'],
  ],
  ['one place of two', [api, key(bound), policy('api', 'bearer', 'query')], ['[1] this place (query)']],
  ['bound to nothing', [evil, key(), policy('evil', 'bearer')], []],
  ['no such provider', [evil, key(bound, 'other'), policy('evil', 'bearer')], []],
  ['no such server', [api, key(bound), policy('gone', 'bearer')], []],
])('a policy lends a credential: %s', (_what, resources, issues) => {
  const found = checkBindings(resources);
  expect(
    found.map(({ field, message }) => field.slice('spec.credentials'.length) + message.split('bound to')[1]),
  ).toEqual(issues);
  expect(found.filter(({ kind, name }) => `${kind}/${name}` !== 'AccessPolicy/lends')).toEqual([]);
});

const agents = { trust: ['cluster'], clientWorkloads: ['agent'] };
const trust = (name: string, labels?: Record<string, string>) =>
  resource('TrustProvider', name, { type: 'local' }, labels);
const forAgents = (changes: object = {}) => key({ ...bound, agents: { ...agents, ...changes } });
const never = { 'sidekey.dev/bindable': 'never' };

it.each<[what: string, resources: Resource[], issues: string[]]>([
  ['those that are there', [trust('cluster'), client('agent'), forAgents()], []],
  ['nobody', [key(bound), key()], []],
  ['a trust provider that is not', [client('agent'), client('cluster'), forAgents()], ['trust[0]: there is no']],
  [
    'the second client workload, which is not',
    [trust('cluster'), client('agent'), forAgents({ clientWorkloads: ['agent', 'gone'] })],
    ['clientWorkloads[1]: there is no'],
  ],
  ['one that changes by itself', [trust('cluster', never), client('agent'), forAgents()], ['trust[0]: it changes by']],
  [
    'one with that label and another value',
    [trust('cluster', { 'sidekey.dev/bindable': 'always' }), client('agent'), forAgents()],
    [],
  ],
])('a secret is bound to %s', (_what, resources, issues) => {
  const found = checkBoundAgents(resources).map(
    ({ kind, name, field, message }) => `${kind}/${name} ${field}: ${message.slice(0, 13)}`,
  );
  expect(found).toEqual(
    issues.map((issue) => expect.stringContaining(`CredentialProvider/key spec.boundTo.agents.${issue}`)),
  );
});
