import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterEach, describe, expect, it } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { makeModernMcpServer } from '../../support/upstreams/mcp-modern-server.ts';
import { makeMcpServer, type TestMcpServer } from '../../support/upstreams/mcp-server.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

const at = { clientWorkload: 'billing-agent', serverWorkload: 'api' };
const paths = ['/mcp', '/mcp-json', '/sse', '/messages'];
const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    tools: {
      ...at,
      rules: [
        { paths, mcp: { tools: ['search'], resources: ['docs://public'], prompts: ['greet'] } },
        { paths, mcp: { tools: ['read_file'] }, when: 'request.mcp.arguments.path.startsWith("/docs/")' },
      ],
    },
  },
});

/** A schema that takes every answer (Standard Schema). */
const ANYTHING = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;

/** What a test does with either SDK's client. */
interface AnyClient {
  listTools(): Promise<{ tools: readonly { readonly name: string }[] }>;
  listResources(): Promise<{ resources: readonly { readonly uri: string }[] }>;
  listPrompts(): Promise<{ prompts: readonly { readonly name: string }[] }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<{ content?: unknown }>;
  readResource(what: { uri: string }): Promise<{ contents: readonly unknown[] }>;
  getPrompt(what: { name: string; arguments: Record<string, string> }): Promise<{ messages: readonly unknown[] }>;
  close(): Promise<void>;
}

type Connect = (world: InspectingWorld, fetchImpl: typeof fetch, server: TestMcpServer) => Promise<AnyClient>;

interface Revision {
  readonly server: () => TestMcpServer;
  readonly connect: Connect;
}

/** The SDK's client as it was when this revision was its newest: it asks for it, and the server agrees. */
function older(revision: string, path: string): Revision {
  return {
    server: makeMcpServer,
    connect: async ({ url }, fetchImpl) => {
      const place = new URL(path, url);
      const transport = (
        path === '/sse'
          ? new SSEClientTransport(place, { fetch: fetchImpl })
          : new StreamableHTTPClientTransport(place, { fetch: fetchImpl })
      ) as Transport;
      const send = transport.send.bind(transport);
      transport.send = (message, options) => {
        const isFirst = !Array.isArray(message) && 'method' in message && message.method === 'initialize';
        return send(
          isFirst ? { ...message, params: { ...message.params, protocolVersion: revision } } : message,
          options,
        );
      };
      let agreed: string | undefined;
      const tell = transport.setProtocolVersion?.bind(transport);
      transport.setProtocolVersion = (version) => {
        agreed = version;
        tell?.(version);
      };
      const client = new Client({ name: 'agent', version: '1.0.0' });
      await client.connect(transport);
      expect(agreed).toBe(revision);
      return client as unknown as AnyClient;
    },
  };
}

function modern(responseMode: 'json' | 'sse'): Revision {
  const revision = '2026-07-28';
  return {
    server: () => makeModernMcpServer(responseMode),
    connect: async ({ url }, fetchImpl) => {
      const options = { versionNegotiation: { mode: { pin: revision } } };
      const client = new ModernClient({ name: 'agent', version: '2.0.0' }, options);
      await client.connect(new ModernTransport(new URL('/mcp', url), { fetch: fetchImpl }));
      return client as unknown as AnyClient;
    },
  };
}

const REVISIONS: Readonly<Record<string, Revision>> = {
  '2024-11-05 over HTTP+SSE': older('2024-11-05', '/sse'),
  '2025-03-26': older('2025-03-26', '/mcp'),
  '2025-03-26, answers as JSON': older('2025-03-26', '/mcp-json'),
  '2025-06-18': older('2025-06-18', '/mcp'),
  '2025-11-25': older('2025-11-25', '/mcp'),
  '2026-07-28, answers as JSON': modern('json'),
  '2026-07-28': modern('sse'),
};

describe.each(Object.entries(REVISIONS))('MCP %s, with the official SDK on both sides', (_name, revision) => {
  let world: InspectingWorld | undefined;
  let client: AnyClient | undefined;
  afterEach(async () => {
    await client?.close();
    await world?.close();
  });

  it.each(['http/1.1', 'h2'] as const)('is filtered, allowed and denied over %s', { timeout: 90_000 }, async (alpn) => {
    const server = revision.server();
    world = await startInspectingWorld(POLICY);
    world.upstream.handle(server.listener);
    const it = await revision.connect(world, world.fetcher(alpn), server);
    client = it;
    expect((await it.listTools()).tools.map(({ name }) => name).toSorted()).toEqual(['read_file', 'search']);
    expect((await it.listResources()).resources.map(({ uri }) => uri)).toEqual(['docs://public']);
    expect((await it.listPrompts()).prompts.map(({ name }) => name)).toEqual(['greet']);
    const found = await it.callTool({ name: 'search', arguments: { path: 'x' } });
    expect(found.content).toEqual([{ type: 'text', text: 'search of x' }]);
    await it.callTool({ name: 'read_file', arguments: { path: '/docs/ä' } });
    expect((await it.readResource({ uri: 'docs://public' })).contents).toHaveLength(1);
    expect((await it.getPrompt({ name: 'greet', arguments: { who: 'x' } })).messages).toHaveLength(1);
    for (const attempt of [
      () => it.callTool({ name: 'delete_file', arguments: { path: '/docs/a' } }),
      () => it.callTool({ name: 'read_file', arguments: { path: '/etc/passwd' } }),
      () => it.readResource({ uri: 'docs://secret' }),
      () => it.getPrompt({ name: 'curse', arguments: { who: 'x' } }),
    ]) {
      await expect(attempt()).rejects.toThrow();
    }
    expect(server.calls).toEqual(['search x', 'read_file /docs/ä']);
    expect(world.decisions().filter((one) => one.startsWith('rule-denied'))).toEqual([
      'rule-denied mcp:tools/call delete_file',
      'rule-denied mcp:tools/call read_file',
      'rule-denied mcp:resources/read docs://secret',
      'rule-denied mcp:prompts/get curse',
    ]);
  });
});

it('requests for tasks pass, whose headers mirror the id of the task', { timeout: 90_000 }, async () => {
  const rules = [{ paths: ['/mcp'], mcp: { methods: ['tasks/*'] } }];
  const world = await startInspectingWorld(
    policySet({ ServerWorkload: { api: { hosts: ['api.example.com'] } }, AccessPolicy: { tasks: { ...at, rules } } }),
  );
  const { server, connect } = modern('json');
  const one = server();
  const mirrored: string[] = [];
  world.upstream.handle((request, response) => {
    mirrored.push(String(request.headers['mcp-name']));
    one.listener(request, response);
  });
  const client = (await connect(world, world.fetcher('http/1.1'), one)) as unknown as ModernClient;
  try {
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      // The server knows no tasks.
      await expect(client.request({ method, params: { taskId: 'täsk' } }, ANYTHING)).rejects.toThrow('not found');
    }
    const encoded = `=?base64?${Buffer.from('täsk').toString('base64')}?=`;
    expect(mirrored.slice(-3)).toEqual([encoded, encoded, encoded]);
  } finally {
    await client.close();
    await world.close();
  }
});
