import { Message, type SendMessageRequest } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeA2aAgent, type TestA2aAgent } from '../../support/a2a-server.ts';
import { type InspectingWorld, startInspectingWorld } from '../../support/inspecting-world.ts';
import { policySet } from '../../support/policy-set.ts';

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
