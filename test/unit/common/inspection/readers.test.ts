import { describe, expect, it } from 'vitest';
import { readA2a } from '../../../../common/inspection/a2a.ts';
import { parseForm } from '../../../../common/inspection/form.ts';
import { readGraphql } from '../../../../common/inspection/graphql.ts';
import { readPointer, selectMembers, writePointer } from '../../../../common/inspection/json-pointer.ts';
import { readArguments, readMcp } from '../../../../common/inspection/mcp.ts';

describe('parseForm', () => {
  it('decodes names and values', () => {
    expect(parseForm('Action=Get%20It&a+b=%C3%A9&c&=d&e==f=&expand[]=x&expand[]=y&')).toEqual([
      { name: 'Action', value: 'Get It' },
      { name: 'a b', value: 'é' },
      { name: 'c', value: '' },
      { name: '', value: 'd' },
      { name: 'e', value: '=f=' },
      { name: 'expand[]', value: 'x' },
      { name: 'expand[]', value: 'y' },
    ]);
  });

  it('takes 1,000 fields', () => {
    expect(parseForm(Array.from({ length: 1_000 }, (_, at) => `a${at}`).join('&'))).toHaveLength(1_000);
  });

  it.each([
    ['a=1&a=2'],
    ['a=1&%61=2'],
    ['a=1;b=2'],
    ['a=%zz'],
    ['a=%c3'],
    ['a=\u00e9'],
    ['a=1 2'],
    [`${'&'.repeat(1_000)}a`],
  ])('refuses %s', (text) => {
    expect(() => parseForm(text)).toThrow(expect.objectContaining({ code: 'unreadable' }));
  });
});

describe('JSON pointers', () => {
  const value = { a: { b: 1, c: 2 }, d: [{ e: 1 }], 'x/y~': 3 };

  it.each([
    [['/a/b'], { a: { b: 1 } }],
    [['/a/b', '/a/c'], { a: { b: 1, c: 2 } }],
    [['/a/b', '/a'], { a: { b: 1, c: 2 } }],
    [['/d/0'], {}],
    [['/d/e', '/d'], { d: [{ e: 1 }] }],
    [['/missing/b', '/a/b/c'], { a: {} }],
    [['/x~1y~0'], { 'x/y~': 3 }],
    [[''], value],
    [['/__proto__/x'], {}],
  ])('%j selects', (pointers, expected) => {
    const selected = selectMembers(value, pointers.map(readPointer));
    expect(JSON.parse(JSON.stringify(selected))).toEqual(expected);
    expect(pointers.map((one) => writePointer(readPointer(one)))).toEqual(pointers);
  });

  it('keeps a member named __proto__ as a member', () => {
    const hostile: unknown = JSON.parse('{"__proto__":{"x":1}}');
    expect(JSON.stringify(selectMembers(hostile, [['__proto__', 'x']]))).toBe('{"__proto__":{"x":1}}');
  });
});

describe('readGraphql', () => {
  const post = (query: string, operationName?: string) => readGraphql('POST', [], () => ({ query, operationName }));

  it.each([
    ['{ viewer { login } }', 'query', '', ['viewer']],
    ['mutation M { alias: createIssue { id } other: createIssue { id } }', 'mutation', 'M', ['createIssue']],
    [
      'query Q { ...F ... on Query { c } } fragment F on Query { a ...G } fragment G on Query { b ...F }',
      'query',
      'Q',
      ['a', 'b', 'c'],
    ],
    ['subscription { s }', 'subscription', '', ['s']],
    ['query { a @skip(if: true) """not a string""": b }', undefined, undefined, undefined],
    ['query Q { a @include(if: false) }', 'query', 'Q', ['a']],
    ['# mutation { x }\nquery { a }', 'query', '', ['a']],
    ['query($v: String = "mutation { x }") { a(b: $v) }', 'query', '', ['a']],
  ])('%s', (query, type, name, fields) => {
    if (type === undefined) expect(() => post(query)).toThrow('cannot be parsed');
    else expect(post(query)).toEqual({ operationType: type, operationName: name, rootFields: fields });
  });

  it('picks the operation that will run', () => {
    const both = 'query A { a } mutation B { b }';
    expect(post(both, 'B')).toMatchObject({ operationType: 'mutation', rootFields: ['b'] });
    expect(() => post(both)).toThrow('which operation');
    expect(() => post(both, 'C')).toThrow('which operation');
    expect(() => post('query A { a } mutation A { b }', 'A')).toThrow('which operation');
  });

  it.each([
    ['a batch', [{ query: '{ a }' }]],
    ['a stored document beside a query', { query: '{ a }', extensions: { persistedQuery: { sha256Hash: 'x' } } }],
    ['extensions as text', { query: '{ a }', extensions: '{"persistedQuery":{"sha256Hash":"x"}}' }],
    ['the id of a stored document', { id: 'x', query: '{ a }' }],
    ['no query', { variables: {} }],
    ['type definitions', { query: 'type Query { a: Int }' }],
    ['an endless nest', { query: '{a'.repeat(4_000) }],
    ['too many tokens', { query: `{ ${'a '.repeat(6_000)} }` }],
  ])('refuses %s', (_title, body) => {
    expect(() => readGraphql('POST', [], () => body)).toThrow(expect.objectContaining({ code: 'unreadable' }));
  });

  it('reads GET from the URL, and refuses a URL that speaks beside a body', () => {
    const parameters = parseForm('query=mutation%7Ba%7D');
    expect(readGraphql('GET', parameters, () => undefined)).toMatchObject({ operationType: 'mutation' });
    expect(() => readGraphql('POST', parameters, () => ({ query: '{ b }' }))).toThrow('disagree');
  });
});

describe('ids of stored documents', () => {
  it.each([
    '{"persistedQuery":{"sha256Hash":"x"}}',
    String.raw`{"persisted\u0051uery":{"sha256Hash":"x"}}`,
    '{"PersistedQuery":{"sha256Hash":"x"}}',
    '["persistedQuery"]',
  ])('the extensions %s are refused in the URL', (extensions) => {
    const parameters = parseForm(`query=%7Bok%7D&extensions=${encodeURIComponent(extensions)}`);
    expect(() => readGraphql('GET', parameters, () => undefined)).toThrow(
      expect.objectContaining({ code: 'unreadable' }),
    );
  });

  it('other extensions may stand there', () => {
    const parameters = parseForm(`query=%7Bok%7D&extensions=${encodeURIComponent('{"tracing":true}')}`);
    expect(readGraphql('GET', parameters, () => undefined).rootFields).toEqual(['ok']);
  });

  it.each(['documentId', 'doc_id', 'id', 'queryId', 'hash', 'DocumentID', 'id[0]'])(
    '%s is refused in the URL',
    (name) => {
      const parameters = parseForm(`query=%7Bok%7D&${name}=sha256:abc`);
      expect(() => readGraphql('GET', parameters, () => undefined)).toThrow('more than a request');
      expect(() => readGraphql('POST', parameters.slice(1), () => ({ query: '{ ok }' }))).toThrow('a stored document');
    },
  );

  it('other parameters may stand beside a body', () => {
    expect(readGraphql('POST', parseForm('api-version=1'), () => ({ query: '{ ok }' })).rootFields).toEqual(['ok']);
  });
});

describe('readMcp', () => {
  const headers = (pairs: Record<string, string>) => (name: string) => (pairs[name] === undefined ? [] : [pairs[name]]);
  const read = (message: object, pairs: Record<string, string> = {}) =>
    readMcp('POST', headers(pairs), () => ({ jsonrpc: '2.0', id: 1, ...message }));

  it.each([
    [{ method: 'tools/call', params: { name: 'search', arguments: {} } }, { tool: 'search' }],
    [{ method: 'resources/read', params: { uri: 'file:///a' } }, { resource: 'file:///a' }],
    [{ method: 'resources/subscribe', params: { uri: 'file:///a' } }, { resource: 'file:///a' }],
    [{ method: 'resources/unsubscribe', params: { uri: 'file:///a' } }, { resource: 'file:///a' }],
    [{ method: 'tools/call', params: { name: 'x'.repeat(2_048) } }, { tool: 'x'.repeat(2_048) }],
    [{ method: 'prompts/get', params: { name: 'p' } }, { prompt: 'p' }],
    [{ method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'p' } } }, { prompt: 'p' }],
    [{ method: 'completion/complete', params: { ref: { type: 'ref/resource', uri: 'u' } } }, { resource: 'u' }],
    [
      { method: 'initialize', params: {} },
      { tool: '', resource: '', prompt: '' },
    ],
    [{ method: 'constructor' }, { tool: '' }],
    [{ method: 'x'.repeat(256) }, { tool: '' }],
  ])('%j', (message, expected) => {
    expect(read(message)).toMatchObject({ method: message.method, ...expected });
  });

  it('knows the requests without a message', () => {
    expect(readMcp('GET', headers({ accept: 'text/event-stream' }), () => undefined).method).toBe('http/stream');
    expect(readMcp('GET', headers({ accept: '*/*, Text/Event-Stream' }), () => undefined).method).toBe('http/stream');
    expect(() => readMcp('GET', headers({}), () => undefined)).toThrow('text/event-stream');
    expect(readMcp('DELETE', headers({}), () => undefined).method).toBe('http/end-session');
    const ping = { jsonrpc: '2.0', method: 'ping' };
    expect(() => readMcp('PUT', headers({}), () => ping)).toThrow('POST, GET and DELETE');
    expect(read({ result: {} }).method).toBe('response');
  });

  it.each([
    ['a tool without a name', { method: 'tools/call', params: { Name: 'x' } }],
    ['a name that is empty', { method: 'prompts/get', params: { name: '' } }],
    ['a name that is too long', { method: 'tools/call', params: { name: 'x'.repeat(2_049) } }],
    ['what is completed', { method: 'completion/complete', params: { ref: { type: 'ref/tool', name: 'x' } } }],
    ['a name that is a list', { method: 'tools/call', params: { name: ['x'] } }],
    ['a member beside the envelope', { method: 'ping', Method: 'tools/call' }],
    ['both a call and an answer', { method: 'ping', result: {} }],
    ['another version', { jsonrpc: '1.0', method: 'ping' }],
    ['no name of a method', { method: '' }],
    ['a method that is no text', { method: 7 }],
    ['an endless method', { method: 'x'.repeat(257) }],
  ])('refuses %s', (_title, message) => {
    expect(() => read(message)).toThrow(expect.objectContaining({ code: 'unreadable' }));
  });

  it('refuses batches, which 2025-03-26 allowed', () => {
    expect(() => readMcp('POST', headers({}), () => [{ jsonrpc: '2.0', id: 1, method: 'ping' }])).toThrow('batch');
  });

  it('refuses mirrored headers (2026-07-28) that disagree with the body', () => {
    const call = { method: 'tools/call', params: { name: 'sëarch' } };
    const encoded = `=?base64?${Buffer.from('sëarch').toString('base64')}?=`;
    expect(read(call, { 'mcp-method': 'tools/call', 'mcp-name': encoded }).tool).toBe('sëarch');
    expect(() => read(call, { 'mcp-method': 'tools/list' })).toThrow('disagree');
    expect(() => read(call, { 'mcp-name': 'other' })).toThrow('disagree');
    const prompt = { method: 'prompts/get', params: { name: 'p' } };
    const resource = { method: 'resources/read', params: { uri: 'file:///a' } };
    for (const message of [prompt, resource]) expect(() => read(message, { 'mcp-name': 'b' })).toThrow('disagree');
    const task = { method: 'tasks/get', params: { taskId: 't' } };
    expect(read(task, { 'mcp-method': 'tasks/get', 'mcp-name': 't' })).toMatchObject({ method: 'tasks/get', tool: '' });
    for (const message of [task, { method: 'tasks/list' }, { ...task, method: 'initialize' }]) {
      expect(() => read(message, { 'mcp-name': 'b' })).toThrow('disagree');
    }
    expect(() => read({ ...task, method: 'initialize' }, { 'mcp-name': 't' })).toThrow('disagree');
  });

  it('reads arguments as an object, and none as an empty one', () => {
    expect([readArguments(undefined), readArguments({}), readArguments({ arguments: { a: 1 } })]).toEqual([
      {},
      {},
      { a: 1 },
    ]);
    for (const wrong of ['{}', [], 1]) expect(() => readArguments({ arguments: wrong })).toThrow('not an object');
    expect(() => readArguments({ Arguments: {} })).toThrow('case alone');
  });
});

describe('readA2a', () => {
  const rpc = (method: string, params: unknown = {}) =>
    readA2a('POST', '/', () => ({ jsonrpc: '2.0', id: 1, method, params }));

  it.each([
    ['message/send', 'message/send'],
    ['SendMessage', 'message/send'],
    ['SendStreamingMessage', 'message/stream'],
    ['GetTask', 'tasks/get'],
    ['toString', 'toString'],
  ])('%s is %s', (sent, method) => {
    expect(rpc(sent)).toEqual({ method, skill: '' });
  });

  it.each([
    ['GET', '/.well-known/agent-card.json', 'agent/card'],
    ['GET', '/.well-known/agent.json', 'agent/card'],
    ['POST', '/v1/message:send', 'message/send'],
    ['POST', '/message%3Astream', 'message/stream'],
    ['GET', '/v1/tasks/7', 'tasks/get'],
    ['POST', '/v1/tasks/7:cancel', 'tasks/cancel'],
    ['GET', '/tasks', 'tasks/list'],
    ['DELETE', '/v1/tasks/7/pushNotificationConfigs/1', 'tasks/pushNotificationConfig/delete'],
  ])('%s %s is %s', (verb, path, method) => {
    expect(readA2a(verb, path, () => ({}))).toEqual({ method, skill: '' });
  });

  it('reads the skill where agents put it, and refuses two', () => {
    const named = { message: { metadata: { skillId: 'book' } } };
    expect(rpc('message/send', named).skill).toBe('book');
    expect(readA2a('POST', '/v1/message:send', () => named).skill).toBe('book');
    expect(() => rpc('message/send', { ...named, metadata: { skill: 'other' } })).toThrow('more than one');
    expect(() => readA2a('GET', '/elsewhere', () => ({}))).toThrow();
  });

  it.each(['/v1%2Fmessage:send', '/v1/message:send;x', '/tasks//1:cancel'])(
    'refuses %s, which servers read in two ways',
    (path) => {
      const body = { jsonrpc: '2.0', id: 1, method: 'tasks/list' };
      expect(() => readA2a('POST', path, () => body)).toThrow('more than one way');
    },
  );
});
