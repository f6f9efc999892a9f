import { createRequire } from 'node:module';
import type * as graphql from 'graphql';
import { createClient } from 'graphql-http';
import { createHandler } from 'graphql-http/lib/use/http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

// graphql-http loads the CommonJS build, and schemas of two builds do not mix.
const { buildSchema } = createRequire(import.meta.url)('graphql') as typeof graphql;
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    graphql: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [
        { paths: ['/graphql'], graphql: { types: ['query'], rootFields: ['viewer', 'node'] } },
        { paths: ['/graphql'], graphql: { types: ['mutation'], names: ['Rename*'], rootFields: ['rename'] } },
      ],
    },
  },
});
const SCHEMA = buildSchema(`
  type Query { viewer: String node(id: ID): String secrets: String }
  type Mutation { rename(to: String): String delete: String }`);

/** Fields that the server really ran. */
const ran: string[] = [];
const rootValue = Object.fromEntries(
  ['viewer', 'node', 'secrets', 'rename', 'delete'].map((name) => [name, () => ran.push(name) && name]),
);

// Client and server are graphql-http's, which implement GraphQL over HTTP with the reference executor.
describe.each(['http/1.1', 'h2'] as const)('GraphQL over %s', (alpn) => {
  let world: InspectingWorld;
  let send: typeof fetch;

  beforeAll(async () => {
    world = await startInspectingWorld(POLICY);
    world.upstream.handle(createHandler({ schema: SCHEMA, rootValue }));
    send = world.fetcher(alpn);
  }, 60_000);
  beforeEach(() => ran.splice(0));
  afterAll(() => world.close());

  function ask(query: string, operationName?: string): Promise<unknown> {
    const client = createClient({ url: `${world.url}/graphql`, fetchFn: send });
    return new Promise((resolve, reject) => {
      let data: unknown;
      client.subscribe(operationName === undefined ? { query } : { query, operationName }, {
        next: (result) => (data = result.data),
        error: reject,
        complete: () => resolve(data),
      });
    });
  }

  it.each<[string, string, string | undefined, string[]]>([
    ['a field', '{ viewer }', undefined, ['viewer']],
    ['aliases', '{ secrets: viewer delete: node(id: 1) }', undefined, ['viewer', 'node']],
    ['fragments', 'query { ...F ... on Query { node } } fragment F on Query { viewer }', undefined, ['viewer', 'node']],
    ['the operation that is named', 'query A { viewer }', 'A', ['viewer']],
    ['a named mutation', 'mutation RenameIt { rename(to: "x") }', undefined, ['rename']],
  ])('allows %s', async (_what, query, name, expected) => {
    expect(Object.keys((await ask(query, name)) as object)).toHaveLength(expected.length);
    expect(ran).toEqual(expected);
  });

  it.each<[string, string, string | undefined]>([
    ['another field', '{ secrets }', undefined],
    ['another field beside those allowed', '{ viewer secrets }', undefined],
    ['another field under the name of one allowed', '{ viewer: secrets }', undefined],
    [
      'another field in a fragment',
      'query { ...F } fragment F on Query { viewer ...G } fragment G on Query { secrets }',
      undefined,
    ],
    ['another field in an inline fragment', '{ viewer ... on Query { secrets } }', undefined],
    ['another field that is skipped', 'query Q { viewer secrets @include(if: true) }', undefined],
    ['a mutation', 'mutation { delete }', undefined],
    ['a mutation of another name', 'mutation Other { rename(to: "x") }', undefined],
    ['introspection', '{ __schema { types { name } } }', undefined],
  ])('denies %s', async (_what, query, name) => {
    await expect(ask(query, name)).rejects.toThrow();
    expect(ran).toEqual([]);
    expect(world.decisions().at(-1)).toMatch(/^rule-denied /);
  });

  const post = (body: string, type = 'application/json'): [string, RequestInit] => [
    '/graphql',
    { method: 'POST', headers: { 'content-type': type }, body },
  ];
  const sha256Hash = 'ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38';
  it.each<[string, [string, RequestInit]]>([
    [
      'a stored document by its hash',
      post(JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash } } })),
    ],
    ['a stored document by its id', post(JSON.stringify({ id: 'stored-1' }))],
    [
      'a stored document by GET',
      [`/graphql?extensions=${encodeURIComponent(`{"persistedQuery":{"sha256Hash":"${sha256Hash}"}}`)}`, {}],
    ],
    ['a batch', post(JSON.stringify([{ query: '{ viewer }' }, { query: '{ secrets }' }]))],
    ['two queries under one key', post('{"query":"{ viewer }","query":"{ secrets }"}')],
    [
      'one query in the URL and one in the body',
      [`/graphql?query=${encodeURIComponent('{ secrets }')}`, post('{"query":"{ viewer }"}')[1]],
    ],
    ['operations without a choice', post(JSON.stringify({ query: 'query A { viewer } query B { node }' }))],
    [
      'operations with one',
      post(JSON.stringify({ query: 'query A { viewer } mutation B { delete }', operationName: 'A' })),
    ],
    ['what is no GraphQL', post(JSON.stringify({ query: '{ viewer' }))],
  ])('cannot read %s', async (_what, [path, init]) => {
    const answer = await send(world.url + path, init);
    expect(await answer.json()).toMatchObject({ code: 'body-uninspectable' });
    expect(ran).toEqual([]);
  });

  it('reads a query by GET as it reads one by POST', async () => {
    const get = (query: string) =>
      send(`${world.url}/graphql?query=${encodeURIComponent(query)}`, { headers: { accept: 'application/json' } });
    expect((await get('{ viewer }')).status).toBe(200);
    expect((await get('{ secrets }')).status).toBe(403);
    expect(ran).toEqual(['viewer']);
  });
});
