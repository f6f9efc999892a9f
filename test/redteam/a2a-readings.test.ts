import { AgentCard } from '@a2a-js/sdk';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import { restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type InspectingWorld, startInspectingWorld } from '../support/worlds/inspecting-world.ts';
import { policySet } from '../support/control-plane/policy-set.ts';

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    book: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [{ a2a: { methods: ['message/*', 'tasks/get'], skills: ['book'] } }],
    },
  },
});

const CARD = AgentCard.fromJSON({
  name: 'travel',
  supportedInterfaces: ['0.3', '1.0'].map((protocolVersion) => {
    return { url: 'https://api.test/rest', protocolBinding: 'HTTP+JSON', protocolVersion };
  }),
});

/** What the server made of each request, as the official SDK's HTTP+JSON binding reads it. */
const understood: string[] = [];
const requestHandler = new Proxy({} as A2ARequestHandler, {
  get: (_target, method) => async (params: unknown) => {
    if (method === 'getAgentCard') return CARD;
    understood.push(`${String(method)} ${JSON.stringify(params)}`);
    throw new Error('that is all');
  },
});
const app = express().use(
  '/rest',
  restHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }),
);

let world: InspectingWorld;
let server: Server;
beforeAll(async () => {
  world = await startInspectingWorld(POLICY);
  world.upstream.handle((...exchange) => void app(...exchange));
  server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
}, 60_000);
beforeEach(() => void understood.splice(0));
afterAll(async () => {
  server.close();
  await world.close();
});

const text = (skillId: string): object => ({
  metadata: { skillId },
  parts: [{ text: 'x' }],
  messageId: '1',
  role: 'ROLE_USER',
});
const rpc = (method: string): object => ({ jsonrpc: '2.0', id: 1, method, params: {} });

describe('A-21 A-57 a request of A2A over HTTP+JSON does not pass as another than the server makes of it:', () => {
  const callback = { url: 'https://evil.test/' };
  const asked = { metadata: { skillId: 'book' } };
  test.each<[string, string, object, string]>([
    ['a skill under the name that protobuf has', '/v1/message:send', { ...asked, request: text('pay') }, '"pay"'],
    ['it beside none', '/v1/message:send', { ...asked, message: null, request: text('pay') }, '"pay"'],
    ['a callback as 0.3 has it', '/v1/message:send', book({ pushNotification: callback }), 'evil.test'],
    ['it as protobuf has it', '/v1/message:send', book({ push_notification: callback }), 'evil.test'],
    ['a cancellation in another case', '/tasks/7:Cancel', rpc('tasks/get'), 'cancelTask {"id":"7"'],
    ['it in 0.3', '/V1/Tasks/7:cancel', rpc('GetTask'), 'cancelTask {"id":"7"'],
    ['it of an id with a colon', '/tasks/urn:7:cancel', rpc('tasks/get'), 'cancelTask {"id":"urn:7"'],
    ['a subscription in another case', '/tasks/7:SUBSCRIBE', rpc('tasks/get'), 'resubscribe {"id":"7"'],
  ])('%s', async (_title, path, body, reading) => {
    const init = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'a2a-version': path.toLowerCase().startsWith('/v1') ? '0.3' : '1.0',
      },
      body: JSON.stringify(body),
    };
    const { port } = server.address() as AddressInfo;
    await fetch(`http://127.0.0.1:${port}/rest${path}`, init);
    expect(understood.splice(0)).toEqual([expect.stringContaining(reading)]);
    const answer = await world.fetcher('http/1.1')(`${world.url}/rest${path}`, init);
    expect(await answer.json()).toMatchObject({ code: expect.stringMatching(/^(rule-denied|message-refused)$/) });
    expect(understood).toEqual([]);
  });

  test('as what it is it passes', async () => {
    const headers = { 'content-type': 'application/json', 'a2a-version': '1.0' };
    const send = world.fetcher('http/1.1');
    await send(`${world.url}/rest/message:send`, { method: 'POST', headers, body: JSON.stringify(book()) });
    await send(`${world.url}/rest/tasks/urn:7`, { headers });
    expect(understood).toEqual([
      expect.stringContaining('sendMessage'),
      expect.stringContaining('getTask {"id":"urn:7"'),
    ]);
  });
});

function book(configuration: object = {}): object {
  return { message: text('book'), configuration };
}
