import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    rules: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [
        { methods: ['GET'], paths: ['/files/**'] },
        {
          methods: ['DELETE'],
          paths: ['/users/{user}/keys/{key}'],
          when: 'request.vars.user == "me" && request.vars.key != "root"',
        },
        { paths: ['/search'], query: { limit: ['10', '20'] } },
        { paths: ['/versioned'], headers: { 'X-Version': ['2'] } },
        { paths: ['/upload'], contentTypes: ['text/plain', 'image/*'], maxBodyBytes: 1_000 },
        { paths: ['/rpc'], jsonRpc: { methods: ['get_*'] } },
      ],
    },
  },
});
const JSON_TYPE = { 'content-type': 'application/json' };
const rpc = (method: string): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });

describe.each(['http/1.1', 'h2'] as const)('rules at the request, over %s', (alpn) => {
  let world: InspectingWorld;
  let send: typeof fetch;
  beforeAll(async () => {
    world = await startInspectingWorld(POLICY);
    send = world.fetcher(alpn);
  }, 60_000);
  beforeEach(() => world.upstream.seen.splice(0));
  afterAll(() => world.close());

  const post = (body: string, headers: Record<string, string>): RequestInit => ({ method: 'POST', headers, body });

  it.each<[string, string, RequestInit]>([
    ['a glob', '/files/a/b', {}],
    ['a template whose variables hold', '/users/me/keys/7', { method: 'DELETE' }],
    ['the query', '/search?q=x&limit=10', {}],
    ['a header', '/versioned', { headers: { 'X-Version': '2' } }],
    ['a content type and a size', '/upload', post('x'.repeat(1_000), { 'content-type': 'image/png' })],
    ['a method of JSON-RPC', '/rpc', post(rpc('get_balance'), JSON_TYPE)],
  ])('allow by %s', async (_what, path, init) => {
    expect((await send(world.url + path, init)).status).toBe(200);
    expect(world.upstream.seen).toHaveLength(1);
  });

  it.each<[string, string, RequestInit, string]>([
    ['another method', '/files/a', { method: 'DELETE' }, 'rule-denied'],
    ['another path, in disguise', '/files/%2e%2e/users/me/keys/7', {}, ''],
    ['another value of a variable', '/users/you/keys/7', { method: 'DELETE' }, 'rule-denied'],
    ['another value of the other', '/users/me/keys/root', { method: 'DELETE' }, 'rule-denied'],
    ['another query', '/search?limit=1000', {}, 'rule-denied'],
    ['a query that says it twice', '/search?limit=10&limit=1000', {}, 'rule-denied'],
    ['a query that says it twice, in disguise', '/search?limit=10&%6cimit=1000', {}, 'rule-denied'],
    ['no query', '/search', {}, 'rule-denied'],
    ['no header', '/versioned', {}, 'rule-denied'],
    ['another header', '/versioned', { headers: { 'X-Version': '1' } }, 'rule-denied'],
    ['another content type', '/upload', post('x', JSON_TYPE), 'rule-denied'],
    ['a longer body', '/upload', post('x'.repeat(1_001), { 'content-type': 'text/plain' }), 'rule-denied'],
    ['another method of JSON-RPC', '/rpc', post(rpc('set_balance'), JSON_TYPE), 'rule-denied'],
    [
      'a batch of JSON-RPC',
      '/rpc',
      post(`[${rpc('get_balance')},${rpc('set_balance')}]`, JSON_TYPE),
      'message-refused',
    ],
    ['a batch of one', '/rpc', post(`[${rpc('get_balance')}]`, JSON_TYPE), 'message-refused'],
    [
      'two methods of JSON-RPC',
      '/rpc',
      post(rpc('get_x').replace('"params"', '"method":"set_x","params"'), JSON_TYPE),
      'message-refused',
    ],
  ])('deny %s', async (_what, path, init, code) => {
    const answer = await send(world.url + path, init);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    if (code !== '') expect(await answer.json()).toMatchObject({ code });
    expect(world.upstream.seen).toEqual([]);
  });
});
