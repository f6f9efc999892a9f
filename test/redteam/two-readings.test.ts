import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

/** What is decided on must be what every server makes of it. */
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'], inspectBytes: 2_000 } },
  AccessPolicy: {
    rules: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [
        { paths: ['/graphql'], graphql: { types: ['query'], rootFields: ['viewer'] } },
        { paths: ['/mcp'], mcp: { tools: ['search'] }, when: '!has(request.mcp.arguments.all)' },
        { paths: ['/users'], when: '!has(request.json.admin)' },
        { paths: ['/charges'], when: '!has(request.form.amount)' },
        { paths: ['/accounts'], when: 'request.json.id == 9007199254740992' },
        { paths: ['/owned'], when: 'request.form.user_id == "me"' },
        { paths: ['/raw/**'] },
      ],
    },
    kept: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      effect: 'deny',
      rules: [
        { methods: ['DELETE'], paths: ['/raw/kept'] },
        { paths: ['/raw/modes'], headers: { 'X-Mode': ['admin'] } },
        { paths: ['/raw/modes'], query: { action: ['delete'] } },
        { paths: ['/raw/numbers'], when: 'request.json.id == 9007199254740993' },
        { paths: ['/raw/called'], when: 'request.headers["x-tool"] == "wipe"' },
      ],
    },
  },
});
const JSON_TYPE = 'Content-Type: application/json';
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded';
const MULTIPART = 'Content-Type: multipart/form-data; boundary=x';
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

let world: InspectingWorld;
beforeAll(async () => {
  world = await startInspectingWorld(POLICY);
}, 60_000);
beforeEach(() => void world.upstream.seen.splice(0));
afterAll(() => world.close());

async function send(method: string, target: string, headers: readonly string[], body = ''): Promise<string> {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const agent = await world.agent();
  const answer = await agent.exchange(world.request(method, target, [...headers, ...length], body));
  agent.destroy();
  return answer.status === 200 ? 'sent' : (JSON.parse(answer.text).code as string);
}

describe('A-21 A-24 a WebSocket opened where rules read bodies', () => {
  test.each([
    ['a GraphQL endpoint, with a query that would be allowed', '/graphql?query=%7Bviewer%7Bname%7D%7D', []],
    ['an MCP endpoint, as if it were its stream', '/mcp', ['Accept: text/event-stream']],
    ['a JSON endpoint', '/users', [JSON_TYPE]],
    ['a form endpoint', '/charges', [FORM_TYPE]],
  ])('%s', async (_title, target, headers) => {
    expect(['body-uninspectable', 'message-refused']).toContain(await send('GET', target, [...headers, ...UPGRADE]));
    expect(world.upstream.seen).toEqual([]);
  });

  test('is opened where no rule does', async () => {
    expect(await send('GET', '/raw/feed', UPGRADE)).toBe('sent');
  });
});

describe('A-21 A-57 names that some servers read without case', () => {
  const OK = '{"query":"{viewer{name}}"}';
  const BAD = 'mutation%7BdeleteAll%7D';
  const call = (argument: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search",${argument}}}`;
  test.each([
    ['a GraphQL document in the URL beside that in the body', 'POST', `/graphql?Query=${BAD}`, JSON_TYPE, OK],
    ['two GraphQL documents in the URL', 'GET', `/graphql?QUERY=${BAD}&query=%7Bviewer%7D`, 'X-A: b', ''],
    ['a GraphQL document in brackets', 'GET', `/graphql?query=%7Bviewer%7D&query[]=${BAD}`, 'X-A: b', ''],
    ['a GraphQL document in the content of GET', 'GET', '/graphql?query=%7Bviewer%7D', JSON_TYPE, '{"query":"{x}"}'],
    ['a member of JSON', 'POST', '/users', JSON_TYPE, '{"Admin":true}'],
    ['a field of a form', 'POST', '/charges', FORM_TYPE, 'Amount=5'],
    ['a field of a form with an index', 'POST', '/charges', FORM_TYPE, 'amount%5B0%5D=5'],
    ['a field of a form behind a blank', 'POST', '/charges', FORM_TYPE, '+amount=5'],
    ['a field of a form in front of NUL', 'POST', '/charges', FORM_TYPE, 'amount%00=5'],
    ['a field of a form that PHP renames', 'POST', '/owned', FORM_TYPE, 'user_id=me&user.id=victim'],
    [
      'a field of a form that PHP renames, with an open index',
      'POST',
      '/owned',
      FORM_TYPE,
      'user_id=me&user[id=victim',
    ],
    ['the arguments of a tool', 'POST', '/mcp', JSON_TYPE, call('"Arguments":{"all":true}')],
    ['an argument of a tool', 'POST', '/mcp', JSON_TYPE, call('"arguments":{"ALL":true}')],
  ])('%s', async (_title, method, target, header, body) => {
    expect(['body-uninspectable', 'message-refused']).toContain(await send(method, target, [header], body));
    expect(world.upstream.seen).toEqual([]);
  });

  test('as they stand in policy, or others, they pass', async () => {
    expect(await send('POST', '/graphql?trace=1', [JSON_TYPE], OK)).toBe('sent');
    expect(await send('POST', '/users', [JSON_TYPE], '{"name":"x","nested":{"Admin":true}}')).toBe('sent');
    expect(await send('POST', '/charges', [FORM_TYPE], 'currency=eur&amounts=5')).toBe('sent');
    expect(await send('POST', '/mcp', [JSON_TYPE], call('"arguments":{"query":"x"}'))).toBe('sent');
  });
});

test('A-21 a method in another case than rules name it is none that some servers read without case', async () => {
  for (const method of ['delete', 'Delete', 'dELETE']) {
    expect(await send(method, '/raw/kept', []), method).toBe('method-refused');
  }
  for (const method of ['trace', 'Track', 'connect', 'options']) {
    expect(await send(method, '/raw/x', []), method).toBe('method-refused');
  }
  expect(await send('DELETE', '/raw/kept', [])).toBe('policy-denied');
  expect(world.upstream.seen).toEqual([]);
  expect(await send('PROPFIND', '/raw/x', [])).toBe('sent');
});

test('A-21 a rule that denies by a header or a parameter is not passed by one more of it, or by another spelling', async () => {
  for (const [target, ...headers] of [
    ['/raw/modes', 'X-Mode: admin'],
    ['/raw/modes', 'X-Mode: admin', 'x-mode: other'],
    ['/raw/modes', 'X_Mode: admin'],
    ['/raw/called', 'X-Tool: wipe'],
    ['/raw/called', 'X-Tool: other', 'X-Tool: wipe'],
    ['/raw/called', 'X_Tool: wipe'],
    ['/raw/modes?action=delete'],
    ['/raw/modes?Action=delete'],
    ['/raw/modes?action[]=delete'],
    ['/raw/modes?%20action=delete'],
    ['/raw/modes??action=delete'],
  ]) {
    expect(await send('GET', target ?? '', headers), `${target} ${headers}`).toBe('policy-denied');
  }
  expect(world.upstream.seen).toEqual([]);
  expect(await send('GET', '/raw/modes?transaction=delete', ['X-Mode: user'])).toBe('sent');
});

test('A-21 a number that some servers read exactly and others do not is none that a rule reads', async () => {
  const ask = (path: string, id: string): Promise<string> => send('POST', path, [JSON_TYPE], `{"id":${id}}`);
  for (const id of ['9007199254740993', '9007199254740992.5', '90071992547409930e-1', '9007199254740992']) {
    expect(await ask('/accounts', id), id).toBe('body-uninspectable');
    expect(await ask('/raw/numbers', id), id).toBe('policy-denied');
  }
  expect(world.upstream.seen).toEqual([]);
  expect(await ask('/raw/numbers', '9007199254740991')).toBe('sent');
  // What no rule reads may be anything.
  expect(await ask('/raw/numbers', '1,"other":12345678901234567890')).toBe('sent');
});

test('A-21 a rule that denies a path is not passed by a format, dots or blanks behind it, which servers leave out', async () => {
  for (const path of [
    '/raw/kept.json',
    '/raw/kept.xml/',
    '/raw/kept%2ejson',
    '/raw/Kept.x',
    '/raw/kept.',
    '/raw/kept%20',
    '/raw/Kept..%20/',
  ]) {
    expect(await send('DELETE', path, []), path).toBe('policy-denied');
  }
  expect(world.upstream.seen).toEqual([]);
  for (const path of ['/raw/kept.1', '/raw/kept-5.2', '/raw/kept.json/more', '/raw/.json']) {
    expect(await send('DELETE', path, []), path).toBe('sent');
  }
});

describe('A-21 a method or a path that is said elsewhere than in the request line', () => {
  test.each([
    ...['_method', '_Method', 'x-http-method-override', '%5Fmethod', '_method[]'],
    // PHP 8.2 takes these for _method, older Rack and qs the last.
    ...['.method', '%20.method', '+_method', '_method%00x', '_method%00%5B', '%5B_method%5D'],
    // Salesforce; Google, of which the second holds header fields and the third the content type.
    ...['_HttpMethod', '$httpMethod', '%24httpMethod', '$httpHeaders', '$ct'],
    // Elasticsearch takes a body from the parameter `source`, where this says of which type it is.
    'source_content_type',
    // WordPress takes the path that it serves from here, whatever stands in the request line.
    ...['rest_route', 'rest.route', 'rest%5Broute'],
  ])('as the parameter %s it does not leave', async (name) => {
    expect(await send('POST', `/raw/kept?a=1&${name}=DELETE;b=2`, [])).toBe('sent');
    expect(world.upstream.seen[0]).toMatchObject({ method: 'POST', target: '/raw/kept?a=1;b=2' });
    expect(world.client.records.at(-1)?.removedCredentials).toHaveLength(1);
  });

  test.each([
    ['of a form', FORM_TYPE, 'a=1&_method=DELETE'],
    ['of a form, encoded', FORM_TYPE, '%5fmethod=DELETE&a=1'],
    ['of a form, behind a semicolon', FORM_TYPE, 'a=1;_method=DELETE'],
    ['of multipart', MULTIPART, part('name="_method"')],
    ['of a form, as PHP reads it', FORM_TYPE, 'a=1&.method=DELETE'],
    ['of a form, behind many blanks', FORM_TYPE, `a=1&${'+'.repeat(150)}%20.method=DELETE`],
    ['of a form, in front of NUL', FORM_TYPE, `_method%00${'x'.repeat(200)}=DELETE`],
    ['of a form, in brackets', FORM_TYPE, `${'%5b'.repeat(60)}_method]=DELETE`],
    ['of a form of no type, as Rack reads it', 'X-A: b', '_method=DELETE'],
    ['of JSON, as Laravel reads it', JSON_TYPE, '{"a":{}, "_method" :"DELETE"}'],
    ['of JSON, escaped', 'Content-Type: application/vnd.a+json', '{"\\u005Fmet\\u0068od":"DELETE"}'],
    ['of multipart, without quotes', MULTIPART, part('name=_method')],
    ['of multipart, in single quotes', MULTIPART, part("name='_method'")],
    ['of multipart, as PHP reads it', MULTIPART, part('name=".method"')],
    ['of multipart, in front of NUL', MULTIPART, part('name="_method\0x"')],
    ['of multipart, encoded, as Go, Django and Flask read it', MULTIPART, part("name*=utf-8''%5Fmethod")],
    ['of multipart, in pieces, as Go, Django and Flask read it', MULTIPART, part('name*0="_met"; name*1="hod"')],
    ['of multipart, as an encoded word, as Tomcat reads it', MULTIPART, part('name="=?utf-8?B?X21ldGhvZA==?="')],
    ['of multipart, with backslashes, as Rack 2 reads it', MULTIPART, part('name="_m\\ethod"')],
    ['of multipart that mentions a form', `${MULTIPART}; a=x-www-form-urlencoded`, part('name="_method"')],
    ['of JSON that mentions a form', `${JSON_TYPE}; a=x-www-form-urlencoded`, '{"a":1,"_method":"DELETE"}'],
    ['of JSON that mentions multipart', `${JSON_TYPE}; a="multipart/"`, '{"a":1,"_method":"DELETE"}'],
    ['of multipart, in brackets', MULTIPART, part('name="[_method]"')],
    ['of a form, as ASP.NET reads it', FORM_TYPE, 'a=1&X-HTTP-Method-Override=DELETE'],
    ['of multipart, as ASP.NET reads it', MULTIPART, part('name="X-HTTP-Method-Override"')],
    ['of a form that names a path, as WordPress reads it', FORM_TYPE, 'rest_route=/wp/v2/users'],
    ['of a form that names a path, as PHP reads it', FORM_TYPE, 'rest.route=/wp/v2/users'],
    ['of multipart that names a path', MULTIPART, part('name="rest_route"')],
    ['of multipart that names a path, as PHP reads it', MULTIPART, part('name="rest[route"')],
  ])('as a field %s it is refused', async (_title, header, body) => {
    expect(await send('POST', '/raw/kept', [header], body)).toBe('method-refused');
    expect(world.upstream.seen).toEqual([]);
    expect(world.client.records.at(-1)).toMatchObject({ outcome: 2 });
  });

  test('what only looks like it passes', async () => {
    for (const body of [
      'a=_method&payment_method=card&route=1&rest_routes=1',
      '{"no form":"at all"}'.repeat(500),
      '_methods=1&x=_method=',
    ]) {
      expect(await send('POST', '/raw/kept', [FORM_TYPE], body)).toBe('sent');
    }
    expect(await send('POST', '/raw/kept', [MULTIPART], part('name="payment_method"'))).toBe('sent');
    expect(await send('POST', '/raw/kept', [JSON_TYPE], '{"a":"_method","b":"{\\"_method\\":1}"}')).toBe('sent');
    expect(await send('PUT', '/raw/kept', [FORM_TYPE], '_method=DELETE')).toBe('sent');
  });
});

function part(parameter: string): string {
  return `--x\r\nContent-Disposition: form-data; ${parameter}\r\n\r\nDELETE\r\n--x--\r\n`;
}
