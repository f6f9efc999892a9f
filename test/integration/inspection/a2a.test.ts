import { Message, SendMessageConfiguration, type SendMessageRequest, AgentCard } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { type InspectingWorld, startInspectingWorld } from '../../support/worlds/inspecting-world.ts';
import { policySet } from '../../support/control-plane/policy-set.ts';
import type { UpstreamHandler } from '../../support/upstreams/upstream.ts';

const POLICY = policySet({
  ServerWorkload: { api: { hosts: ['api.example.com'] } },
  AccessPolicy: {
    book: {
      clientWorkload: 'billing-agent',
      serverWorkload: 'api',
      rules: [{ a2a: { methods: ['message/*'], skills: ['book'] } }],
    },
  },
});

interface TestA2aAgent {
  readonly listener: UpstreamHandler;
  /** Where its card says that it is reached; to be set before the card is fetched. */
  publicUrl: string;
  /** Text of every message that reached the agent. */
  readonly heard: readonly string[];
}

/** An agent of the official SDK: JSON-RPC at /rpc, HTTP+JSON at /rest, both bindings of A2A 1.0, and the card. */
function makeA2aAgent(): TestA2aAgent {
  const heard: string[] = [];
  const executor: AgentExecutor = {
    execute: async ({ userMessage, contextId }, bus) => {
      const [part] = userMessage.parts;
      heard.push(part?.content?.$case === 'text' ? part.content.value : '');
      const reply = { messageId: crypto.randomUUID(), contextId, role: 'ROLE_AGENT', parts: [{ text: 'heard' }] };
      bus.publish(AgentEvent.message(Message.fromJSON(reply)));
      bus.finished();
    },
    cancelTask: async () => undefined,
  };
  const agent = { publicUrl: '' };
  const cardOf = (): AgentCard => makeCard(agent.publicUrl);
  const requestHandler = new DefaultRequestHandler(cardOf(), new InMemoryTaskStore(), executor);
  const userBuilder = UserBuilder.noAuthentication;
  const app = express();
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: async () => cardOf() }));
  app.use('/rpc', jsonRpcHandler({ requestHandler, userBuilder }));
  app.use('/rest', restHandler({ requestHandler, userBuilder }));
  return Object.assign(agent, { listener: (...exchange: Parameters<UpstreamHandler>) => void app(...exchange), heard });
}

function makeCard(url: string): AgentCard {
  return AgentCard.fromJSON({
    name: 'travel',
    description: 'books',
    version: '1.0.0',
    supportedInterfaces: [
      { url: `${url}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      { url: `${url}/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
    ],
    capabilities: { streaming: true },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'book', name: 'book', description: 'books', tags: [] }],
  });
}

function asking(text: string, skill: string | undefined): SendMessageRequest {
  const message = Message.fromJSON({ messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text }] });
  const metadata = skill === undefined ? undefined : { skillId: skill };
  return { tenant: '', message: { ...message, metadata }, configuration: undefined, metadata: undefined };
}

const notified: SendMessageRequest = {
  ...asking('five', 'book'),
  configuration: SendMessageConfiguration.fromJSON({ taskPushNotificationConfig: { url: 'https://a.test/' } }),
};

const WAYS = (['JSONRPC', 'HTTP+JSON'] as const).flatMap((binding) =>
  (['http/1.1', 'h2'] as const).map((alpn) => [binding, alpn] as const),
);

describe.each(WAYS)('A2A by %s over %s', (binding, alpn) => {
  let agent: TestA2aAgent;
  let world: InspectingWorld;
  let client: Client;

  beforeAll(async () => {
    agent = makeA2aAgent();
    world = await startInspectingWorld(POLICY);
    agent.publicUrl = world.url;
    world.upstream.handle(agent.listener);
    const fetchImpl = world.fetcher(alpn);
    const factory = new ClientFactory({
      transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
      preferredTransports: [binding],
      cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
    });
    client = await factory.createFromUrl(world.url);
  }, 60_000);
  afterAll(() => world.close());

  it('fetches the card through', () => {
    expect(world.decisions()).toEqual(['ok a2a:agent/card']);
  });

  it('sends what policy allows', async () => {
    await client.sendMessage(asking('one', 'book'));
    const events: unknown[] = [];
    for await (const event of client.sendMessageStream(asking('two', 'book'))) events.push(event);
    expect(events).toHaveLength(1);
    expect(agent.heard).toEqual(['one', 'two']);
    expect(world.decisions().slice(1)).toEqual(['ok a2a:message/send book', 'ok a2a:message/stream book']);
  }, 60_000);

  it.each([
    ['another skill', () => client.sendMessage(asking('three', 'pay')), 'rule-denied a2a:message/send pay'],
    ['no skill', () => client.sendMessage(asking('four', undefined)), 'rule-denied a2a:message/send'],
    ['an address for notifications', () => client.sendMessage(notified), 'rule-denied a2a:message/send book'],
    ['another method', () => client.getTask({ id: '1', tenant: '', historyLength: 0 }), 'rule-denied a2a:tasks/get'],
  ])(
    'denies %s',
    async (_what, attempt, decision) => {
      await expect(attempt()).rejects.toThrow();
      expect(world.decisions()).toContain(decision);
      expect(agent.heard).toEqual(['one', 'two']);
    },
    60_000,
  );
});
