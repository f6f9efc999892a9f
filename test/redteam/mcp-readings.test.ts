import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

const at = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    docs: {
      ...at,
      rules: [
        { paths: ['/mcp'], mcp: { resources: ['file:///docs/*'] } },
        { paths: ['/but'], mcp: {} },
        { paths: ['/tools'], mcp: { tools: ['query'] }, when: '!has(request.mcp.arguments.region)' },
        { paths: ['/tools'], mcp: { tools: ['query'] }, when: 'request.mcp.arguments.region == "eu"' },
        { paths: ['/any'], mcp: { tools: ['query'] } },
      ],
    },
    kept: {
      ...at,
      effect: 'deny',
      rules: [{ paths: ['/but'], mcp: { resources: ['file:///secret/*', 'file:///docs/b c', 'file:///docs/ä%20*'] } }],
    },
  },
});

/** What the server really served. */
const served: string[] = [];
const handler = createMcpHandler(
  () => {
    const server = new McpServer({ name: 'files', version: '1.0.0' });
    for (const path of ['docs/a', 'docs/b%20c', 'secret/plan']) {
      server.registerResource(path, `file:///${path}`, {}, async (uri) => {
        served.push(uri.href);
        return { contents: [{ uri: uri.href, text: path }] };
      });
    }
    return server;
  },
  { responseMode: 'json' },
);

let world: InspectingWorld;
let send: typeof fetch;
beforeAll(async () => {
  world = await startInspectingWorld(POLICY);
  world.upstream.handle(async (request, response) => {
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const body = new Uint8Array(await buffer(request));
    const answer = await handler.fetch(new Request('https://localhost/mcp', { method: 'POST', headers, body }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  send = world.fetcher('http/1.1');
}, 60_000);
beforeEach(() => void served.splice(0));
afterAll(() => world.close());

async function post(path: string, method: string, params: object, headers: object = {}): Promise<string> {
  const answer = await send(world.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return answer.headers.get('proxy-status') ?? (await answer.text());
}

const read = (path: string, uri: string): Promise<string> => post(path, 'resources/read', { uri });

describe('A-11 A-57 an MCP resource is not read by a URI that the server reads otherwise', () => {
  test.each([
    '/../secret/plan',
    '/x/../../secret/plan',
    '/%2e%2e/secret/plan',
    '/.%2E/secret/plan',
    '/.\t./secret/plan',
    '\\..\\secret\\plan',
    '/..%2fsecret/plan',
  ])('than a rule that allows: file:///docs%s', async (rest) => {
    expect(await read('/mcp', `file:///docs${rest}`)).toContain('message-refused');
    expect(served).toEqual([]);
  });

  test.each([
    'file:/secret/plan',
    'file:secret/plan',
    'file://localhost/secret/plan',
    'file:///docs/../secret/plan',
    'file:///sec\nret/plan',
    'file:\\\\\\secret\\plan',
    '\0file:///secret/plan',
    'file:///%73ecret/plan',
    'file:///secret%2fplan',
    'file:///docs/b%20c',
    'file:///docs/b c/',
    'file:///docs/%C3%84 x',
    // The rule lists all that is in it.
    'file:///secret/',
    'file:///secret',
  ])('than one that denies: %j', async (uri) => {
    expect(await read('/but', uri)).toMatch(/message-refused|policy-denied/);
    expect(served).toEqual([]);
  });

  test('as it stands it is', async () => {
    expect(await read('/mcp', 'file:///docs/a')).toContain('docs/a');
    expect(await read('/mcp', 'file:///docs/b%20c')).toContain('docs/b');
    expect(await read('/mcp', 'file:///docs/b c')).toContain('docs/b');
    expect(served).toHaveLength(3);
    for (const uri of ['docs://public', 'http://example.com', 'repo://a%2Fb/über?x=[1]', 'urn:isbn:1', 'notes', '...'])
      expect(await read('/but', uri), uri).toMatch(/not found|is invalid/);
  });
});

describe('A-57 an MCP head, by which routers on the way may go,', () => {
  const call = (args: object, headers: object, path = '/tools'): Promise<string> =>
    post(path, 'tools/call', { name: 'query', arguments: args }, headers);
  test.each<[string, object, object]>([
    ['mirrors an argument that is not there', { sql: 'x' }, { 'mcp-param-region': 'us' }],
    ['mirrors another value', { region: 'eu', sql: 'x' }, { 'Mcp-Param-Region': 'us' }],
    ['mirrors another value, encoded', { region: 'eu' }, { 'mcp-param-region': '=?base64?dXM=?=' }],
    ['mirrors two values', { region: 'eu' }, { 'mcp-param-region': 'eu, us' }],
    ['mirrors another value in the spelling of CGI', { region: 'eu' }, { mcp_param_region: 'us' }],
    ['mirrors what Python reads as another value', { region: 'eu' }, { 'mcp-param-region': '=?base64?ZXU==dXM=?=' }],
    ['names what Python reads as another tool', { region: 'eu' }, { 'mcp-name': '=?base64?cXVlcnk==YWxs?=' }],
  ])('%s', async (_title, args, headers) => {
    const seen = world.upstream.seen.length;
    expect(await call(args, headers)).toContain('message-refused');
    expect(world.upstream.seen).toHaveLength(seen);
  });

  test('says what the body says', async () => {
    const args = { region: 'eu', deep: { limit: 5, dry: true, note: 'ä' } };
    const names = { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?cXVlcnk=?=' };
    const mirrored = { 'mcp-param-limit': '5', 'mcp-param-dry': 'true', 'mcp-param-note': '=?base64?w6Q=?=' };
    expect(await call(args, { ...names, 'mcp-param-region': 'eu', ...mirrored })).not.toContain('sidekey');
    expect(await call(args, { 'mcp-param-region': 'us' }, '/any')).not.toContain('sidekey');
  });
});
