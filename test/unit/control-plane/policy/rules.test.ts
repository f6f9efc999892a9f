import { describe, expect, it } from 'vitest';
import type { Inspection } from '../../../../common/inspection/inspect.ts';
import { compilePolicySet } from '../../../../control-plane/policy/compile.ts';
import { compileRule } from '../../../../control-plane/policy/rules/compile-rule.ts';
import { decide } from '../../../../control-plane/policy/decide.ts';
import type { RequestFacts } from '../../../../control-plane/policy/facts.ts';
import { RevocationSet } from '../../../../control-plane/policy/revocations.ts';
import { policySet, REQUEST, SESSION } from '../../../support/control-plane/policy-set.ts';

type Rules = readonly Record<string, unknown>[];

/** The reason with which these rules, of an allowing policy, decide; beside it stands one that denies. */
function reason(allow: Rules, request: Partial<RequestFacts>, deny?: Rules): string {
  const to = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
  const set = policySet({
    ServerWorkload: { api: { hosts: ['api.example.com'] } },
    AccessPolicy: { allow: { ...to, rules: allow }, ...(deny && { deny: { ...to, effect: 'deny', rules: deny } }) },
  });
  return decide(compilePolicySet(set), SESSION, { ...REQUEST, ...request }, new RevocationSet([]), 0).reason;
}

const inspected = (facts: Partial<Inspection>): Partial<RequestFacts> => ({ inspected: { unreadable: [], ...facts } });
const unreadable = (fact: Inspection['unreadable'][number]['fact']): Partial<RequestFacts> =>
  inspected({ unreadable: [{ fact, why: 'it is compressed' }] });
const json = (value: unknown): Partial<RequestFacts> => inspected({ json: JSON.stringify(value) });
const ALL = [{}];

describe('rules over the request', () => {
  const header = (...values: string[]) => ({ headers: values.map((value) => ({ name: 'X-Team', value })) });

  it.each<[string, Rules, Partial<RequestFacts>, string]>([
    ['a query value fits', [{ query: { state: ['open', 'clos*'] } }], { query: 'state=closed&a=b' }, 'ok'],
    ['a query value does not', [{ query: { state: ['open'] } }], { query: 'state=closed' }, 'rule-denied'],
    ['a parameter is missing', [{ query: { state: ['*'] } }], { query: '' }, 'rule-denied'],
    ['a parameter stands twice', [{ query: { state: ['open'] } }], { query: 'state=open&state=closed' }, 'rule-denied'],
    ['two parameters fit', [{ query: { a: ['1'], b: ['2'] } }], { query: 'b=2&c=3&a=1' }, 'ok'],
    ['one parameter of two does not', [{ query: { a: ['1'], b: ['2'] } }], { query: 'a=1&b=3' }, 'rule-denied'],
    ['one parameter is respelled', [{ query: { a: ['1'], b: ['2'] } }], { query: 'a=1&b=2&A=1' }, 'rule-denied'],
    ['a header fits', [{ headers: { 'X-Team': ['blue'] } }], header('blue'), 'ok'],
    ['one header of two', [{ headers: { 'x-team': ['blue'], 'x-b': ['*'] } }], header('blue'), 'rule-denied'],
    ['a header stands twice', [{ headers: { 'x-team': ['blue'] } }], header('blue', 'red'), 'rule-denied'],
    [
      'a content type fits in any case',
      [{ contentTypes: ['Application/JSON'] }],
      inspected({ contentType: 'application/json' }),
      'ok',
    ],
    [
      'a content type fits',
      [{ contentTypes: ['application/*'] }],
      inspected({ contentType: 'application/json' }),
      'ok',
    ],
    ['a content type does not', [{ contentTypes: ['application/*'] }], inspected({ contentType: '' }), 'rule-denied'],
    ['a body is short enough', [{ maxBodyBytes: 10 }], inspected({ bodyBytes: 10 }), 'ok'],
    ['a body is too long', [{ maxBodyBytes: 10 }], inspected({ bodyBytes: 11 }), 'rule-denied'],
    ['a body has no known length', [{ maxBodyBytes: 10 }], unreadable('bodyBytes'), 'body-uninspectable'],
    [
      'a variable fits',
      [{ paths: ['/repos/{owner}/{repo}'], when: 'request.vars.owner == "acme"' }],
      { path: '/repos/acme/x' },
      'ok',
    ],
    [
      'a variable does not',
      [{ paths: ['/repos/{owner}/{repo}'], when: 'request.vars.owner == "acme"' }],
      { path: '/repos/evil/x' },
      'rule-denied',
    ],
    ['a variable is decoded', [{ paths: ['/{name}'], when: 'request.vars.name == "a b"' }], { path: '/a%20b' }, 'ok'],
    [
      'a later pattern has the variable',
      [{ paths: ['/{x}/b', '/a/{x}'], when: 'request.vars.x == "b"' }],
      { path: '/a/b' },
      'ok',
    ],
  ])('%s', (_title, allow, request, expected) => {
    expect(reason(allow, request)).toBe(expected);
  });
});

describe('rules that deny over the request', () => {
  const query = [{ query: { 'id[]': ['7'] } }];
  const header = [{ headers: { 'x-team': ['red'] } }];
  const teams = (...fields: [string, string][]) => ({ headers: fields.map(([name, value]) => ({ name, value })) });

  it.each<[string, Rules, Partial<RequestFacts>, string]>([
    ['a value', query, { query: 'id%5B%5D=7' }, 'policy-denied'],
    ['another value', query, { query: 'id[]=8' }, 'ok'],
    ['no value', query, { query: '' }, 'ok'],
    ['a value among others', query, { query: 'id[]=8&id[]=7' }, 'policy-denied'],
    ['a name in another case', query, { query: 'ID[]=7' }, 'policy-denied'],
    ['a query that servers read in two ways', query, { query: 'a=1;b=2' }, 'policy-denied'],
    ['a header', header, teams(['X-Team', 'red']), 'policy-denied'],
    ['another value of it', header, teams(['X-Team', 'blue']), 'ok'],
    ['a header that stands twice', header, teams(['X-Team', 'blue'], ['X-Team', 'red']), 'policy-denied'],
    [
      'one of two headers that stands twice',
      [{ headers: { 'x-team': ['red'], 'x-b': ['1'] } }],
      teams(['X-B', '1'], ['X-Team', 'blue'], ['X-Team', 'red']),
      'policy-denied',
    ],
    ['a header that some servers take for it', header, teams(['X_Team', 'red']), 'policy-denied'],
    ['a content type', [{ contentTypes: ['text/*'] }], inspected({ contentType: 'text/html' }), 'policy-denied'],
    ['a content type unread', [{ contentTypes: ['text/*'] }], unreadable('contentType'), 'policy-denied'],
  ])('%s', (_title, deny, request, expected) => {
    expect(reason(ALL, request, deny)).toBe(expected);
  });
});

describe('rules over bodies', () => {
  const cheap = [{ when: 'request.json.amount <= 100' }];
  const costly = [{ when: 'request.json.amount > 100' }];

  it.each<[string, Rules, Rules | undefined, Partial<RequestFacts>, string]>([
    ['JSON that fits', cheap, undefined, json({ amount: 100 }), 'ok'],
    ['JSON that does not', cheap, undefined, json({ amount: 101 }), 'rule-denied'],
    ['JSON without the field', cheap, undefined, json({}), 'rule-denied'],
    [
      'a list',
      [{ when: 'request.json.to.all(x, x.endsWith("@acme.com"))' }],
      undefined,
      json({ to: ['a@acme.com'] }),
      'ok',
    ],
    ['JSON that cannot be read', cheap, undefined, unreadable('json'), 'body-uninspectable'],
    ['a rule that does not read it', [...cheap, { methods: ['GET'] }], undefined, unreadable('json'), 'ok'],
    ['a denial that fits', ALL, costly, json({ amount: 101 }), 'policy-denied'],
    ['a denial that does not', ALL, costly, json({ amount: 1 }), 'ok'],
    ['a denial that cannot read it', ALL, costly, unreadable('json'), 'policy-denied'],
    ['a denial without the field', ALL, costly, json({}), 'policy-denied'],
    [
      'a form',
      [{ when: 'request.form.plan == "free"' }],
      undefined,
      inspected({ form: [{ name: 'plan', value: 'free' }] }),
      'ok',
    ],
    [
      'a form list',
      [{ when: '"x" in request.form["e[]"]' }],
      undefined,
      inspected({ form: [{ name: 'e[]', value: 'x' }] }),
      'ok',
    ],
    ['a broken expression', [{ when: 'request.json.a ==' }], undefined, json({}), 'rule-denied'],
  ])('%s', (_title, allow, deny, request, expected) => {
    expect(reason(allow, request, deny)).toBe(expected);
  });
});

describe('rules over GraphQL, gRPC, JSON-RPC and A2A', () => {
  const graphql = (operationType: string, ...rootFields: string[]) =>
    inspected({ graphql: { operationType, operationName: 'Op', rootFields } });
  const reads = [{ graphql: { types: ['query'], rootFields: ['viewer', 'repository'] } }];
  const drops = [{ graphql: { rootFields: ['delete*'] } }];
  const grpc = [{ grpc: { services: ['acme.v1.*'], methods: ['Get*'] } }];
  const below = [{ paths: ['/v1/**'], grpc: { services: ['acme.v1.*'], methods: ['Get*'] } }];
  const rpc = (method: string) => inspected({ jsonRpc: { method } });
  const a2a = (method: string, skill = '', setsCallback = false) => inspected({ a2a: { method, skill, setsCallback } });
  const callback = a2a('message/send', 'book', true);

  it.each<[string, Rules, Rules | undefined, Partial<RequestFacts>, string]>([
    ['a query of listed fields', reads, undefined, graphql('query', 'repository', 'viewer'), 'ok'],
    ['a field that is not listed', reads, undefined, graphql('query', 'admin', 'viewer'), 'rule-denied'],
    ['a mutation', reads, undefined, graphql('mutation', 'viewer'), 'rule-denied'],
    ['one type of two', [{ graphql: { types: ['query', 'mutation'] } }], undefined, graphql('mutation', 'x'), 'ok'],
    ['a listed name', [{ graphql: { names: ['O*'] } }], undefined, graphql('query', 'x'), 'ok'],
    ['another name', [{ graphql: { names: ['P*'] } }], undefined, graphql('query', 'x'), 'rule-denied'],
    ['one denied field of two', ALL, drops, graphql('mutation', 'createIssue', 'deleteRepo'), 'policy-denied'],
    ['no denied field', ALL, drops, graphql('mutation', 'createIssue'), 'ok'],
    ['a document that cannot be read', ALL, drops, unreadable('graphql'), 'policy-denied'],
    ['a document that cannot be read, to allow', reads, undefined, unreadable('graphql'), 'body-uninspectable'],
    ['a listed gRPC method', grpc, undefined, { path: '/acme.v1.Items/GetItem' }, 'ok'],
    ['another gRPC method', grpc, undefined, { path: '/acme.v1.Items/DeleteItem' }, 'rule-denied'],
    ['another gRPC service', grpc, undefined, { path: '/acme.v2.Items/GetItem' }, 'rule-denied'],
    ['a path deeper than gRPC', grpc, undefined, { path: '/acme.v1.Items/GetItem/x' }, 'rule-denied'],
    ['gRPC below a path', grpc, undefined, { path: '/v1/acme.v1.Items/GetItem' }, 'rule-denied'],
    ['it where the path is named', below, undefined, { path: '/v1/acme.v1.Items/GetItem' }, 'ok'],
    ['a denied one that is none of protobuf', ALL, grpc, { path: '/acme.v1.a-b/Get-Item' }, 'policy-denied'],
    ['a denied gRPC method below any path', ALL, grpc, { path: '/x/y/acme.v1.Items/GetItem' }, 'policy-denied'],
    ['a listed JSON-RPC method', [{ jsonRpc: { methods: ['eth_get*'] } }], undefined, rpc('eth_getBalance'), 'ok'],
    ['another JSON-RPC method', [{ jsonRpc: { methods: ['eth_get*'] } }], undefined, rpc('eth_send'), 'rule-denied'],
    ['a batch', [{ jsonRpc: {} }], undefined, unreadable('jsonRpc'), 'message-refused'],
    ['a listed skill', [{ a2a: { skills: ['book'] } }], undefined, a2a('message/send', 'book'), 'ok'],
    ['no skill', [{ a2a: { skills: ['book'] } }], undefined, a2a('message/send'), 'rule-denied'],
    ['the card', [{ a2a: { methods: ['message/*'] } }], undefined, a2a('agent/card'), 'ok'],
    ['another A2A method', [{ a2a: { methods: ['message/*'] } }], undefined, a2a('tasks/cancel'), 'rule-denied'],
    ['tasks under a rule of skills', [{ a2a: { skills: ['book'] } }], undefined, a2a('tasks/get'), 'ok'],
    ['a message with a callback', [{ a2a: { methods: ['message/*'] } }], undefined, callback, 'rule-denied'],
    ['it under a rule for both', [{ a2a: { methods: ['message/*', '*/set'] } }], undefined, callback, 'ok'],
    ['it under a rule of skills', [{ a2a: { skills: ['book'] } }], undefined, callback, 'ok'],
    [
      'it where callbacks are denied',
      ALL,
      [{ a2a: { methods: ['*/pushNotificationConfig/*'] } }],
      callback,
      'policy-denied',
    ],
    ['it where those of a skill are', ALL, [{ a2a: { methods: ['*/set'], skills: ['book'] } }], callback, 'ok'],
    ['a denied card', ALL, [{ a2a: { methods: ['agent/*'] } }], a2a('agent/card'), 'policy-denied'],
    ['a denied task', ALL, [{ a2a: { methods: ['tasks/*'] } }], a2a('Tasks/get'), 'policy-denied'],
    ['a denied skill', ALL, [{ a2a: { skills: ['book'] } }], a2a('message/send', 'book'), 'policy-denied'],
    ['tasks beside a denied skill', ALL, [{ a2a: { skills: ['book'] } }], a2a('tasks/get', 'book'), 'ok'],
  ])('%s', (_title, allow, deny, request, expected) => {
    expect(reason(allow, request, deny)).toBe(expected);
  });
});

describe('rules over MCP', () => {
  const none = { tool: '', resource: '', prompt: '', arguments: '{}' };
  const mcp = (method: string, about: Record<string, string> = {}) => inspected({ mcp: { method, ...none, ...about } });
  const call = (tool: string, given: object = {}) => mcp('tools/call', { tool, arguments: JSON.stringify(given) });
  const at = { paths: ['/v1/**'] };
  const tools = [{ ...at, mcp: { tools: ['search', 'read_*'] } }];
  const scoped = [{ ...at, mcp: { tools: ['read'] }, when: 'request.mcp.arguments.path.startsWith("/docs/")' }];
  const resources = [{ ...at, mcp: { resources: ['file:///docs/*'] } }];
  const prompt = (name: string, given: object) =>
    mcp('prompts/get', { prompt: name, arguments: JSON.stringify(given) });
  const prompts = [{ ...at, mcp: { prompts: ['p'] }, when: 'request.mcp.arguments.a == 1' }];
  const both = [{ ...at, mcp: { methods: ['tools/call'], tools: ['a'] } }];
  const noDelete = [{ ...at, mcp: { tools: ['delete*'] } }];
  const several = [{ ...at, mcp: { tools: ['Delete*', 'Wipe'] } }];
  const anything = [{ ...at, mcp: {} }];

  it.each<[string, Rules, Rules | undefined, Partial<RequestFacts>, string]>([
    ['a listed tool', tools, undefined, call('read_file'), 'ok'],
    ['another tool', tools, undefined, call('write_file'), 'rule-denied'],
    ['a tool in another case', tools, undefined, call('Search'), 'rule-denied'],
    ['the handshake', tools, undefined, mcp('initialize'), 'ok'],
    ['a cancellation', tools, undefined, mcp('notifications/cancelled'), 'ok'],
    ['the stream', tools, undefined, mcp('http/stream'), 'ok'],
    ['it since 2026-07-28', tools, undefined, mcp('subscriptions/listen'), 'ok'],
    ['it over a resource', tools, undefined, mcp('subscriptions/listen', { resource: 'file:///a' }), 'rule-denied'],
    ['the list of tools', tools, undefined, mcp('tools/list'), 'ok'],
    ['the list of prompts', tools, undefined, mcp('prompts/list'), 'rule-denied'],
    ['a resource', tools, undefined, mcp('resources/read', { resource: 'file:///a' }), 'rule-denied'],
    ['a method nobody listed', tools, undefined, mcp('tasks/result'), 'rule-denied'],
    ['a listed resource', resources, undefined, mcp('resources/read', { resource: 'file:///docs/a/b' }), 'ok'],
    ['the list of resources', resources, undefined, mcp('resources/list'), 'ok'],
    ['the list of skills', resources, undefined, mcp('skills/list'), 'ok'],
    ['the list of templates', resources, undefined, mcp('resources/templates/list'), 'ok'],
    ['a listed prompt', prompts, undefined, prompt('p', { a: 1 }), 'ok'],
    ['another prompt', prompts, undefined, prompt('q', { a: 1 }), 'rule-denied'],
    ['arguments of a prompt that do not fit', prompts, undefined, prompt('p', { a: 2 }), 'rule-denied'],
    ['the list of prompts that are listed', prompts, undefined, mcp('prompts/list'), 'ok'],
    ['a listed method', [{ ...at, mcp: { methods: ['tasks/*'] } }], undefined, mcp('tasks/get'), 'ok'],
    ['a method that is not listed', [{ ...at, mcp: { methods: ['tasks/*'] } }], undefined, call('a'), 'rule-denied'],
    ['any tool of a listed method', [{ ...at, mcp: { methods: ['tools/*'] } }], undefined, call('a'), 'ok'],
    ['a method in another case', [{ ...at, mcp: { methods: ['a/*'] } }], undefined, mcp('A/b'), 'rule-denied'],
    ['a method and a tool of two lists', both, undefined, call('b'), 'rule-denied'],
    ['a method and a tool that are listed', both, undefined, call('a'), 'ok'],
    ['a listed tool of another method', both, undefined, mcp('tools/try', { tool: 'a' }), 'rule-denied'],
    ['a denied method and tool', anything, both, call('A'), 'policy-denied'],
    ['a denied tool of another method', anything, both, mcp('tools/try', { tool: 'a' }), 'ok'],
    ['a tool that is not denied, of a method that is', anything, both, call('b'), 'ok'],
    ['a denied method', anything, [{ ...at, mcp: { methods: ['tools/*'] } }], mcp('Tools/list'), 'policy-denied'],
    ['all of MCP denied', anything, [{ ...at, mcp: {} }], mcp('initialize'), 'policy-denied'],
    ['a denied resource', anything, resources, mcp('resources/read', { resource: 'FILE:///docs/a' }), 'policy-denied'],
    ['another resource', anything, resources, mcp('resources/read', { resource: 'file:///a' }), 'ok'],
    ['a tool beside denied resources', anything, resources, call('file:///docs/a'), 'ok'],
    ['a denied prompt', anything, [{ ...at, mcp: { prompts: ['p'] } }], prompt('p', {}), 'policy-denied'],
    ['another prompt beside it', anything, [{ ...at, mcp: { prompts: ['p'] } }], prompt('q', {}), 'ok'],
    ['anything', anything, undefined, mcp('sampling/whatever'), 'ok'],
    ['arguments that fit', scoped, undefined, call('read', { path: '/docs/x' }), 'ok'],
    ['arguments that do not', scoped, undefined, call('read', { path: '/etc/passwd' }), 'rule-denied'],
    ['no arguments', scoped, undefined, call('read'), 'rule-denied'],
    ['the handshake before arguments', scoped, undefined, mcp('initialize'), 'ok'],
    ['a list, whatever the arguments will be', scoped, undefined, { ...call('read'), dryRun: true }, 'ok'],
    ['a list of other tools', scoped, undefined, { ...call('write'), dryRun: true }, 'rule-denied'],
    ['a denied tool', anything, noDelete, call('delete_repo'), 'policy-denied'],
    ['a denied tool by another spelling (A-57)', anything, noDelete, call('Ｄelete_repo '), 'policy-denied'],
    ['one denied tool of several, however it is written', anything, several, call(' wipe '), 'policy-denied'],
    ['a tool that is not denied', anything, noDelete, call('search'), 'ok'],
    ['the handshake beside a denied tool', anything, noDelete, mcp('initialize'), 'ok'],
    ['a message that cannot be read', anything, undefined, unreadable('mcp'), 'message-refused'],
    ['a message that a denial cannot read', [at], noDelete, unreadable('mcp'), 'policy-denied'],
  ])('%s', (_title, allow, deny, request, expected) => {
    expect(reason(allow, request, deny)).toBe(expected);
  });
});

it.each<[Parameters<typeof compileRule>[0], string[], string[]]>([
  [{ methods: ['GET'], paths: ['/**'] }, [], []],
  [{ paths: ['/**', '/v1/**'] }, ['path'], []],
  [{ query: { a: ['1'] } }, ['query'], []],
  [{ headers: { 'X-Team': ['blue'] } }, ['headers'], ['header:x-team']],
  [{ contentTypes: ['a/b'] }, ['contentType'], []],
  [{ maxBodyBytes: 1 }, ['bodyBytes'], []],
  [{ graphql: {} }, ['graphql'], []],
  [{ grpc: {} }, ['path'], []],
  [{ jsonRpc: {} }, ['jsonRpc'], []],
  [{ a2a: {} }, ['a2a'], []],
  [{ mcp: {}, when: 'request.mcp.arguments.a == 1' }, ['mcp', 'mcpArguments'], ['mcp:/a']],
])('of a call %j reads %j', (rule, reads, selectors) => {
  for (const denies of [true, false]) {
    const compiled = compileRule(rule, denies);
    expect([[...compiled.reads], [...compiled.selectors]]).toEqual([reads, selectors]);
  }
});
