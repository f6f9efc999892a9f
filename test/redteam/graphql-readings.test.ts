import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

/** What some server's parser reads otherwise than the reference parser: each was run through that parser, or its lexer's rules. */
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    graphql: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [{ paths: ['/graphql'], graphql: { types: ['query'], rootFields: ['viewer'] } }],
    },
  },
});

let world: InspectingWorld;
let send: typeof fetch;
beforeAll(async () => {
  world = await startInspectingWorld(POLICY);
  send = world.fetcher('h2');
}, 60_000);
beforeEach(() => void world.upstream.seen.splice(0));
afterAll(() => world.close());

const ask = async (query: string, parameters = ''): Promise<Response> =>
  send(`${world.url}/graphql${parameters}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, operationName: /query (\w+)/.exec(query)?.[1] }),
  });

describe('A-21 a GraphQL document does not pass', () => {
  test.each([
    ['whose comment graphql-ruby ends at the line feed alone: a mutation', '#\r{viewer{#\nmutation{wipe}#\r}}'],
    ['behind whose comment graphql-go reads on elsewhere: a field', '{viewer#éé\n wipe:viewer}'],
    ['behind whose byte order mark graphql-go reads on elsewhere: a field', '{viewer\ufeff wipe:viewer}'],
    [
      'whose block string graph-gophers ends at the escaped quote: a field',
      '{viewer(s:"""\\"""){name} wipe(s:""" b:"""){name}}#"""){name}}',
    ],
    [
      'whose block string graphql-ruby ends behind the escaped backslash: a field',
      '{viewer(s:"""\\\\"""){name} wipe(s:""" b:"""){name}}#"""){name}}',
    ],
  ])('%s', async (_title, query) => {
    const answer = await ask(query);
    expect(await answer.json()).toMatchObject({
      code: 'body-uninspectable',
      detail: expect.stringContaining('servers may read its query in more than one way'),
    });
    expect(world.upstream.seen).toEqual([]);
  });

  test.each([
    '# the user\'s "name"\r\n{viewer{name} # \tlast\n}',
    '{viewer(s:"é \\" \\\\ 😀")}',
    '{viewer(s:"""é\n  two \\ lines""")}',
    '{viewer(s:"""""")}',
    '# für Übersichten\nquery Q {\n viewer {\n # größer\n name } }',
    '{viewer(s:"""He said "hi" to us.""")}',
  ])('but this does: %j', async (query) => {
    expect((await ask(query)).status).toBe(200);
  });
});

test('A-21 a GraphQL mutation does not pass beside a query, which servers that compiled the document for it would run', async () => {
  for (const parameters of ['', '?batchOperations=[Q,M]']) {
    const answer = await ask('query Q{viewer} mutation M{wipe}', parameters);
    expect(await answer.json(), parameters).toMatchObject({ code: 'body-uninspectable' });
  }
  expect(world.upstream.seen).toEqual([]);
  expect((await ask('query Q{viewer}', '?batchOperations=[Q]')).status).toBe(200);
});
