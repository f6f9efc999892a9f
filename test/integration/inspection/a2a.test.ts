import { Message, type SendMessageRequest } from '@a2a-js/sdk';
import { type Client, ClientFactory, ClientFactoryOptions } from '@a2a-js/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startA2aAgent, type TestA2aAgent } from '../../support/a2a-server.ts';
import { type InspectingForwarder, startInspectingForwarder } from '../../support/inspecting-forwarder.ts';
import { policySet } from '../../unit/control-plane/policy/policy-set.ts';

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

function asking(text: string, skill: string | undefined): SendMessageRequest {
  const message = Message.fromJSON({ messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text }] });
  const metadata = skill === undefined ? undefined : { skillId: skill };
  return { tenant: '', message: { ...message, metadata }, configuration: undefined, metadata: undefined };
}

describe.each(['JSONRPC', 'HTTP+JSON'] as const)('A2A by %s', (binding) => {
  let agent: TestA2aAgent;
  let forwarder: InspectingForwarder;
  let client: Client;

  beforeAll(async () => {
    agent = await startA2aAgent();
    forwarder = await startInspectingForwarder(POLICY, agent.port);
    agent.publicUrl = forwarder.url;
    const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { preferredTransports: [binding] });
    client = await new ClientFactory(options).createFromUrl(forwarder.url);
  }, 60_000);
  afterAll(async () => {
    await forwarder.close();
    await agent.close();
  });

  it('fetches the card through', () => {
    expect(forwarder.decisions).toEqual(['ok a2a:agent/card']);
  });

  it('sends what policy allows', async () => {
    await client.sendMessage(asking('one', 'book'));
    const events: unknown[] = [];
    for await (const event of client.sendMessageStream(asking('two', 'book'))) events.push(event);
    expect(events).toHaveLength(1);
    expect(agent.heard).toEqual(['one', 'two']);
    expect(forwarder.decisions.slice(1)).toEqual(['ok a2a:message/send book', 'ok a2a:message/stream book']);
  }, 60_000);

  it.each([
    ['another skill', () => client.sendMessage(asking('three', 'pay')), 'rule-denied a2a:message/send pay'],
    ['no skill', () => client.sendMessage(asking('four', undefined)), 'rule-denied a2a:message/send'],
    ['another method', () => client.getTask({ id: '1', tenant: '', historyLength: 0 }), 'rule-denied a2a:tasks/get'],
  ])(
    'denies %s',
    async (_what, attempt, decision) => {
      await expect(attempt()).rejects.toThrow();
      expect(forwarder.decisions).toContain(decision);
      expect(agent.heard).toEqual(['one', 'two']);
    },
    60_000,
  );
});
