import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { TestMcpServer } from './mcp-server.ts';

/** An MCP server of the official SDK 2, which speaks revision 2026-07-28 and nothing older, with the things of `makeMcpServer`. */
export function makeModernMcpServer(responseMode: 'json' | 'sse'): TestMcpServer {
  const calls: string[] = [];
  const handler = createMcpHandler(() => makeServer(calls), { legacy: 'reject', responseMode });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const answer = await handler.fetch(
      new Request(`https://localhost${request.url ?? '/'}`, {
        method: request.method ?? 'GET',
        headers: headers.filter(([name]) => !name.startsWith(':')),
        ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
      }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  return {
    calls,
    listener: (request, response) => {
      serve(request, response).catch(() => response.destroy());
    },
  };
}

function makeServer(calls: string[]): McpServer {
  const server = new McpServer({ name: 'files', version: '2.0.0' });
  for (const name of ['read_file', 'delete_file', 'search']) {
    // Mirrored in the head, without which the server takes no call.
    const inputSchema = z.object({ path: z.string().meta({ 'x-mcp-header': 'Path' }) });
    server.registerTool(name, { description: name, inputSchema }, async ({ path }) => {
      calls.push(`${name} ${path}`);
      return { content: [{ type: 'text', text: `${name} of ${path}` }] };
    });
  }
  for (const name of ['public', 'secret']) {
    server.registerResource(name, `docs://${name}`, { title: name }, async (uri) => ({
      contents: [{ uri: uri.href, text: name }],
    }));
  }
  for (const name of ['greet', 'curse']) {
    server.registerPrompt(name, { argsSchema: z.object({ who: z.string() }) }, ({ who }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `${name} ${who}` } }],
    }));
  }
  return server;
}
