import { describe, expect, it } from 'vitest';
import { readA2a } from '../../../../common/inspection/a2a.ts';
import { readArguments, readMcp } from '../../../../common/inspection/mcp.ts';

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

  it.each([
    [listen(['docs://a']), 'docs://a'],
    [listen([]), ''],
    [listen(undefined), ''],
    [{ method: 'subscriptions/listen' }, ''],
    [{ method: 'skills/get', params: { uri: 'skill://a/SKILL.md' } }, 'skill://a/SKILL.md'],
    [{ method: 'resources/directory/read', params: { uri: 'skill://a' } }, 'skill://a'],
  ])('%j is about a resource', (message, resource) => {
    expect(read(message)).toMatchObject({ method: message.method, resource, tool: '', prompt: '' });
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
    ['a subscription to two resources', listen(['docs://a', 'docs://b'])],
    ['a subscription that is no list', listen('docs://a')],
    ['a subscription in another case', { method: 'subscriptions/listen', params: { Notifications: {} } }],
    ['a skill without a name', { method: 'skills/get', params: {} }],
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

function listen(resourceSubscriptions: unknown) {
  return { method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions } } };
}

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
    expect(rpc(sent)).toEqual({ method, skill: '', setsCallback: false });
  });

  it.each([
    ['GET', '/.well-known/agent-card.json', 'agent/card'],
    ['GET', '/.well-known/agent.json', 'agent/card'],
    ['POST', '/v1/message:send', 'message/send'],
    ['POST', '/message%3Astream', 'message/stream'],
    ['GET', '/v1/tasks/7', 'tasks/get'],
    ['POST', '/v1/tasks/7:cancel', 'tasks/cancel'],
    ['GET', '/tasks', 'tasks/list'],
    ['GET', '/v1/card', 'agent/getAuthenticatedExtendedCard'],
    ['GET', '/extendedAgentCard', 'agent/getAuthenticatedExtendedCard'],
    ['GET', '/v1/tasks/7:subscribe', 'tasks/resubscribe'],
    ['POST', '/tasks/7:subscribe', 'tasks/resubscribe'],
    ['POST', '/tasks/7/pushNotificationConfigs', 'tasks/pushNotificationConfig/set'],
    ['GET', '/v1/tasks/7/pushNotificationConfigs', 'tasks/pushNotificationConfig/list'],
    ['GET', '/tasks/7/pushNotificationConfigs/1', 'tasks/pushNotificationConfig/get'],
    ['DELETE', '/v1/tasks/7/pushNotificationConfigs/1', 'tasks/pushNotificationConfig/delete'],
  ])('%s %s is %s', (verb, path, method) => {
    expect(readA2a(verb, path, () => ({}))).toEqual({ method, skill: '', setsCallback: false });
  });

  it.each([
    ['a2a 0.3', { pushNotificationConfig: { url: 'https://a.test' } }, true],
    ['A2A 1.0', { blocking: true, taskPushNotificationConfig: {} }, true],
    ['protobuf', { task_push_notification_config: { url: '' } }, true],
    ['protobuf of 0.3', { push_notification_config: 1 }, true],
    ['none', { pushNotificationConfig: null, blocking: true }, false],
  ])('finds an address for notifications: %s', (_title, configuration, setsCallback) => {
    expect(rpc('message/send', { configuration })).toMatchObject({ setsCallback });
    expect(readA2a('POST', '/message:stream', () => ({ configuration }))).toMatchObject({ setsCallback });
  });

  it('reads the skill where agents put it, and refuses two', () => {
    const named = { message: { metadata: { skillId: 'book' } } };
    expect(rpc('message/send', named).skill).toBe('book');
    expect(readA2a('POST', '/v1/message:send', () => named).skill).toBe('book');
    expect(() => rpc('message/send', { ...named, metadata: { skill: 'other' } })).toThrow('more than one');
    expect(readA2a('GET', '/v1/tasks/7', () => ({ metadata: { skill: 'other' } })).skill).toBe('');
    for (const wrong of [7, ['book'], null]) {
      expect(() => rpc('message/send', { metadata: { skill: wrong } })).toThrow('more than one');
    }
    const answer = { jsonrpc: '2.0', id: 1, result: {} };
    expect(() => readA2a('GET', '/elsewhere', () => ({ ...answer, method: 'x' }))).toThrow('no request of A2A');
    expect(() => readA2a('POST', '/', () => answer)).toThrow('an answer');
  });

  it.each(['/v1%2Fmessage:send', '/v1/message:send;x', '/tasks//1:cancel'])(
    'refuses %s, which servers read in two ways',
    (path) => {
      const body = { jsonrpc: '2.0', id: 1, method: 'tasks/list' };
      expect(() => readA2a('POST', path, () => body)).toThrow('more than one way');
    },
  );
});
