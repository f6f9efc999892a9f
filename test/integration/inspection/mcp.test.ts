import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { makeMcpServer, type TestMcpServer } from '../../support/upstreams/mcp-server.ts';
import { denial, SECRET } from '../../support/worlds/proxy-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

const at = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const paths = ['/mcp', '/mcp-json', '/sse', '/messages'];
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    tools: {
      ...at,
      rules: [
        { paths, mcp: { tools: ['search'], resources: ['docs://public'] } },
        { paths, mcp: { tools: ['read_file'] }, when: 'request.mcp.arguments.path.startsWith("/docs/")' },
      ],
    },
  },
});

type Through = Pick<InspectingWorld, 'url'> & { readonly fetch: typeof fetch };
type MakeTransport = (through: Through) => unknown;

const TRANSPORTS: Readonly<Record<string, MakeTransport>> = {
  'streamable HTTP, answers as streams': ({ url, ...by }) =>
    new StreamableHTTPClientTransport(new URL('/mcp', url), by),
  'streamable HTTP, answers as JSON': ({ url, ...by }) =>
    new StreamableHTTPClientTransport(new URL('/mcp-json', url), by),
  'HTTP+SSE of 2024-11-05': ({ url, ...by }) => new SSEClientTransport(new URL('/sse', url), by),
};

/** Every transport and form of answer that the SDK speaks, over both versions of HTTP. */
const WAYS = Object.entries(TRANSPORTS).flatMap(([title, make]) =>
  (['http/1.1', 'h2'] as const).map((alpn) => [title, alpn, make] as const),
);

describe.each(WAYS)('MCP by %s over %s', (_title, alpn, makeTransport) => {
  let server: TestMcpServer;
  let world: InspectingWorld;
  let client: Client;

  beforeAll(async () => {
    server = makeMcpServer();
    world = await startInspectingWorld(POLICY);
    world.upstream.handle(server.listener);
    client = new Client({ name: 'agent', version: '1.0.0' });
    await client.connect(makeTransport({ url: world.url, fetch: world.fetcher(alpn) }) as Transport);
  }, 60_000);
  afterEach(() => expect(server.calls.join()).not.toMatch(/delete_file|passwd/));
  afterAll(async () => {
    await client.close();
    await world.close();
  });

  it('lists what policy allows and nothing else', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['read_file', 'search']);
    // The server told the injected credential in each description.
    expect(tools.map(({ description }) => description)).toEqual(
      ['read_file', 'search'].map((name) => `${name} for Bearer ${'*'.repeat(SECRET.length)}`),
    );
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['docs://public']);
  }, 60_000);

  it('calls what is allowed', async () => {
    const found = await client.callTool({ name: 'search', arguments: { path: 'x' } });
    expect(found.content).toEqual([{ type: 'text', text: 'search of x' }]);
    await client.callTool({ name: 'read_file', arguments: { path: '/docs/a' } });
    expect(server.calls).toEqual(['search x', 'read_file /docs/a']);
    expect(world.decisions()).toContain('ok mcp:tools/call search');
  }, 60_000);

  it.each([
    [
      'a tool',
      () => client.callTool({ name: 'delete_file', arguments: { path: '/docs/a' } }),
      'rule-denied mcp:tools/call delete_file',
    ],
    [
      'arguments',
      () => client.callTool({ name: 'read_file', arguments: { path: '/etc/passwd' } }),
      'rule-denied mcp:tools/call read_file',
    ],
    ['a resource', () => client.readResource({ uri: 'docs://secret' }), 'rule-denied mcp:resources/read docs://secret'],
    [
      'a prompt',
      () => client.getPrompt({ name: 'greet', arguments: { who: 'x' } }),
      'rule-denied mcp:prompts/get greet',
    ],
    ['the list of prompts', () => client.listPrompts(), 'rule-denied mcp:prompts/list'],
  ])(
    'denies %s',
    async (_what, attempt, decision) => {
      await expect(attempt()).rejects.toThrow('rule-denied');
      expect(world.decisions()).toContain(decision);
    },
    60_000,
  );
});

describe('MCP messages that no client should send', () => {
  let server: TestMcpServer;
  let world: InspectingWorld;
  let send: typeof fetch;

  beforeAll(async () => {
    server = makeMcpServer();
    world = await startInspectingWorld(POLICY);
    world.upstream.handle(server.listener);
    send = world.fetcher('http/1.1');
  }, 60_000);
  afterAll(() => world.close());

  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    send(`${world.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      body,
    });
  const call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"path":"x"}}}';
  const read = '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"docs://public/../secret"}}';
  it.each([
    ['a batch', `[${call},${call.replace('search', 'delete_file')}]`, {}],
    ['a doubled method', call.replace('"method"', '"method":"ping","method"'), {}],
    ['a doubled tool', call.replace('"name"', '"name":"delete_file","name"'), {}],
    ['a tool in another case', call.replace('"arguments"', '"Name":"delete_file","arguments"'), {}],
    ['a compressed message', call, { 'content-encoding': 'gzip' }],
    ['another content type', call, { 'content-type': 'text/plain' }],
    ['no JSON', call.slice(1), {}],
  ])(
    'refuses %s',
    async (_title, body, headers) => {
      const answer = await post(body, headers);
      expect(await answer.json()).toMatchObject({ code: 'message-refused' });
      expect(server.calls).toEqual([]);
    },
    60_000,
  );

  it.each([
    ['another method in the head', call, { 'mcp-method': 'ping' }],
    ['no name', call.replace('"search"', '7'), {}],
    ['a resource of two readings', read, {}],
  ])('refuses %s of a request that it can tell', async (_title, body, headers) => {
    const answer = await post(body, headers);
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { id: 1, error: { data: { code: 'message-refused' } } },
    ]);
    expect(server.calls).toEqual([]);
  });

  const denied = call.replace('search', 'delete_file');
  it.each(['1', '"one"', '""', '-9007199254740991'])(
    'answers the request %s that it refuses as MCP does',
    async (id) => {
      const answer = await post(denied.replace('1', id));
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
      expect(answer.headers.get('proxy-status')).toContain('rule-denied');
      const { jsonrpc, id: echoed, error } = (await answer.json()) as Record<string, unknown>;
      expect([jsonrpc, echoed]).toEqual(['2.0', JSON.parse(id)]);
      expect(error).toMatchObject({
        code: 403,
        message: expect.stringMatching(/^rule-denied: .*decision/) as unknown,
        data: { code: 'rule-denied', status: 403 },
      });
      expect(server.calls).toEqual([]);
    },
  );

  it.each([
    ['what nobody waits for an answer to', denied.replace('"id":1,', ''), {}],
    ['an id that its client would not know again', denied.replace('1', '9007199254740993'), {}],
    ['an id that is none', denied.replace('1', 'null'), {}],
    ['a message of HTTP+SSE, whose clients read the status alone', denied, { accept: '*/*' }],
  ])('refuses with a status %s', async (_title, body, headers) => {
    const answer = await post(body, headers);
    expect([answer.status, await answer.json()]).toMatchObject([
      403,
      { code: expect.stringMatching(/denied|refused/) as unknown },
    ]);
  });

  it.each(['DELETE', 'GET'])('refuses %s with a status, whatever it accepts', async (method) => {
    const decide = world.client.decide;
    world.client.decide = () => denial('policy-revoked');
    const accept = 'application/json, text/event-stream';
    const answer = await send(`${world.url}/mcp`, { method, headers: { accept } }).finally(
      () => (world.client.decide = decide),
    );
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'policy-revoked' }]);
  });
});
