import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod';
import type { UpstreamHandler } from './upstream.ts';

export interface TestMcpServer {
  readonly listener: UpstreamHandler;
  /** Every tool call that reached the server. */
  readonly calls: readonly string[];
}

/** An MCP server of the official SDK, whose tools' descriptions tell the credential it was sent: streamable HTTP at /mcp (JSON answers at /mcp-json), HTTP+SSE at /sse and /messages. */
export function makeMcpServer(): TestMcpServer {
  const calls: string[] = [];
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const streams = new Map<string, SSEServerTransport>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response);
      streams.set(transport.sessionId, transport);
      return makeServer(calls, request).connect(transport);
    }
    if (pathname === '/messages')
      return streams.get(searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response);
    const known = sessions.get(String(request.headers['mcp-session-id']));
    if (known) return known.handleRequest(request, response);
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse: pathname === '/mcp-json',
      onsessioninitialized: (id) => {
        sessions.set(id, transport);
      },
    });
    // The SDK's own types disagree under exactOptionalPropertyTypes.
    await makeServer(calls, request).connect(transport as Parameters<McpServer['connect']>[0]);
    return transport.handleRequest(request, response);
  };

  return {
    calls,
    listener: (request, response) => {
      serve(request, response).catch(() => response.destroy());
    },
  };
}

function makeServer(calls: string[], { headers }: IncomingMessage): McpServer {
  const server = new McpServer({ name: 'files', version: '1.0.0' });
  for (const name of ['read_file', 'delete_file', 'search']) {
    server.registerTool(
      name,
      { description: `${name} for ${headers.authorization}`, inputSchema: { path: z.string() } },
      async ({ path }) => {
        calls.push(`${name} ${path}`);
        return { content: [{ type: 'text', text: `${name} of ${path}` }] };
      },
    );
  }
  for (const name of ['public', 'secret']) {
    server.registerResource(name, `docs://${name}`, { title: name }, async (uri) => ({
      contents: [{ uri: uri.href, text: name }],
    }));
  }
  for (const name of ['greet', 'curse']) {
    server.registerPrompt(name, { argsSchema: { who: z.string() } }, ({ who }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `${name} ${who}` } }],
    }));
  }
  return server;
}
