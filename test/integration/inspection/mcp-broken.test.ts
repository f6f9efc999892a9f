import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { REASONS, type Reason } from '../../../proto/reasons.ts';
import { type BreakableRelay, STRIKE_NAMES, startBreakableRelay } from '../../support/upstreams/breakable-relay.ts';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { makeMcpServer } from '../../support/upstreams/mcp-server.ts';
import { until } from '../../support/until.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';

// An MCP server that goes in the middle of its answer to a tool call: the official client is told, and the record says why.

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    tools: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [{ paths: ['/**'], mcp: { tools: ['*'] } }],
    },
  },
});
const LIMITS = { limits: { bodyIdleTimeoutMs: 4_000 } };
const PATIENCE_MS = 20_000;
/** The mark of the call that is to break. */
const MARK = 'x-break';

interface Way {
  readonly make: (url: string, fetch: typeof globalThis.fetch) => unknown;
  readonly path: string;
  /** Half an answer; `stream` is the open one of HTTP+SSE. */
  readonly half: (response: ServerResponse, stream: ServerResponse | undefined) => void;
  /** What the client is told, as the error of the call or of the transport. */
  readonly told: RegExp;
}
const HALF_EVENT = 'event: message\ndata: {"jsonrpc":"2.0","id":';
const WAYS: Readonly<Record<string, Way>> = {
  'streamable HTTP, in an event stream': {
    make: (url, fetch) => new StreamableHTTPClientTransport(new URL('/mcp', url), { fetch }),
    path: '/mcp',
    half: (response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).write(HALF_EVENT),
    told: /SSE stream disconnected/,
  },
  'streamable HTTP, in a JSON answer': {
    make: (url, fetch) => new StreamableHTTPClientTransport(new URL('/mcp-json', url), { fetch }),
    path: '/mcp-json',
    half: (response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"jsonrpc":"2.0","result":{'),
    told: /terminated/,
  },
  'HTTP+SSE of 2024-11-05': {
    make: (url, fetch) => new SSEClientTransport(new URL('/sse', url), { fetch }),
    path: '/sse',
    half: (response, stream) => {
      response.writeHead(202).end();
      stream?.write(HALF_EVENT);
    },
    told: /SSE error: .*terminated/,
  },
};

describe.each(['http/1.1', 'h2'] as const)('an agent of %s', (alpn) => {
  let world: InspectingWorld;
  let relay: BreakableRelay;
  let halves: number;
  let half: Way['half'];

  beforeAll(async () => {
    relay = await startBreakableRelay();
    world = await startInspectingWorld(POLICY, { ports: [relay.port] }, LIMITS);
    relay.to(world.upstream.httpsPort);
    const server = makeMcpServer();
    let stream: ServerResponse | undefined;
    world.upstream.handle((request, response) => {
      if (request.url === '/sse') stream = response;
      if (request.headers[MARK] === undefined) return server.listener(request, response);
      request.resume();
      half(response, stream);
      halves += 1;
    });
  }, 60_000);
  afterAll(async () => {
    await world.close();
    await relay.close();
  });

  describe.each(Object.entries(WAYS))('%s', (_, way) => {
    test.each(STRIKE_NAMES)(
      'a server whose connection %s',
      async (strike) => {
        halves = 0;
        half = way.half;
        const through = world.fetcher(alpn, relay.port);
        const marking: typeof fetch = (input, init) => {
          const headers = new Headers(init?.headers);
          if (String(init?.body).includes('"tools/call"')) headers.set(MARK, 'yes');
          return through(input, { ...init, headers: Object.fromEntries(headers) });
        };
        const client = new Client({ name: 'agent', version: '1.0.0' });
        const told: string[] = [];
        client.onerror = (error) => told.push(error.message);
        await client.connect(way.make(`https://api.test:${relay.port}`, marking) as Transport);
        const before = world.client.records.length;
        const call = client
          .callTool({ name: 'search', arguments: { path: 'x' } }, undefined, { timeout: PATIENCE_MS })
          .catch((error: Error) => told.push(error.message, String(error.cause)));
        await until('half of the answer is out', () => halves === 1, PATIENCE_MS);
        await sleep(300);
        relay.strike(strike);
        await until('the client is told', () => way.told.test(told.join('\n')), PATIENCE_MS);
        const reason: Reason = strike === 'stalls' ? 'upstream-timeout' : 'upstream-closed';
        const number = REASONS[reason].number;
        // The client's own stream for events of the server, which has said nothing yet, ends as well.
        const broken = (): typeof world.client.records =>
          world.client.records
            .slice(before)
            .filter((record) => record.path === way.path && record.reason === number && record.responseBytes > 0);
        await until('it is recorded', () => broken().length > 0, PATIENCE_MS);
        expect(broken()).toMatchObject([{ outcome: Outcome.OUTCOME_FAILED }]);
        await client.close();
        await call;
      },
      60_000,
    );
  });
});
