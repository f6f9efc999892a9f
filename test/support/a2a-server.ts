import { AgentCard, Message } from '@a2a-js/sdk';
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import type { UpstreamHandler } from './upstream.ts';

export interface TestA2aAgent {
  readonly listener: UpstreamHandler;
  /** Where its card says that it is reached; to be set before the card is fetched. */
  publicUrl: string;
  /** Text of every message that reached the agent. */
  readonly heard: readonly string[];
}

/** An agent of the official SDK: JSON-RPC at /rpc, HTTP+JSON at /rest, both bindings of A2A 1.0, and the card. */
export function makeA2aAgent(): TestA2aAgent {
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
