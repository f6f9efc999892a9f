import { afterEach, describe, expect, test } from 'vitest';
import { DecisionRecord, Outcome } from '../../proto/gen/sidekey/v1/decision.ts';
import { decisionRecord, question } from '../support/policy-client/policy-client.ts';
import { useLinkedClients } from '../support/policy-client/linked-clients.ts';
import { bearer, grant, SECRET, type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { secureRaw } from '../support/agents/raw-agent.ts';
import { until } from '../support/until.ts';

const LONG_PATH = `/${'a'.repeat(4_000)}`;
const SMALL = { maxRecordMemoryBytes: 100_000, spoolAfterMs: 50 };

const denied = (id: number) => decisionRecord({ id: `denied-${id}`, path: LONG_PATH, outcome: Outcome.OUTCOME_DENIED });
const allowed = (id: string) => decisionRecord({ id, grantId: 'g1', outcome: Outcome.OUTCOME_ALLOWED });
const tunnelled = (id: string) => decisionRecord({ id, upstreamAddress: '192.0.2.1:443' });

describe('an agent is denied as fast as it can ask, sooner than records are stored', () => {
  const links = useLinkedClients();

  test('what it does then is not missing in the log, and others are not kept from their calls', async () => {
    const client = await links.readyClient({ limits: SMALL });
    links.plane.acknowledge = false;
    for (let id = 0; id < 2_000; id += 1) client.record(denied(id));
    await until('losses were seen', () => client.stats().recordsLost > 0);
    expect(client.hasRoomBeside(1)).toBe(true);
    client.record(allowed('called'));
    client.record(tunnelled('tunnelled'));

    links.plane.acknowledge = true;
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    const ids = links.plane.records.map(({ record }) => DecisionRecord.decode(record).id);
    expect(ids).toEqual(expect.arrayContaining(['called', 'tunnelled']));
  }, 60_000);

  test('calls that fill the room let none follow, but those under way ask again and are recorded', async () => {
    const client = await links.readyClient({ limits: SMALL });
    links.plane.acknowledge = false;
    let called = 0;
    while (client.hasRoomBeside(1) && called < 10_000) client.record(allowed(`called-${(called += 1)}`));
    expect(client.hasRoomBeside(1)).toBe(false);
    expect(await client.authorize(question())).toMatchObject({ kind: 'grant' });
    client.record(allowed('under-way'));
    client.record(tunnelled('tunnelled'));
    expect(client.stats().recordsLost).toBe(0);

    links.plane.acknowledge = true;
    client.record(allowed('later'));
    await until('all were acknowledged', () => client.stats().recordsQueued === 0);
    const ids = links.plane.records.map(({ record }) => DecisionRecord.decode(record).id);
    expect(ids).toEqual(expect.arrayContaining(['under-way', 'tunnelled', 'later']));
    expect(client.hasRoomBeside(1)).toBe(true);
  }, 60_000);
});

describe('where a record would find no room', () => {
  let world: ProxyWorld;
  afterEach(() => world.close());

  test('nothing goes out beside as many calls under way as could still be recorded', async () => {
    world = await startProxyWorld();
    let underWay = 0;
    world.upstream.handle(() => (underWay += 1));
    // Of two that have begun there is room for the records, of a third there is none.
    world.client.hasRoomBeside = (calls) => calls <= 2;
    const agents = await Promise.all([world.agent(), world.agent(), world.agent()]);
    const [first, second, third] = agents;
    for (const agent of [first, second]) agent?.socket.write(world.request('GET', '/'));
    await until('two are under way', () => underWay === 2);
    expect((await third?.exchange(world.request('GET', '/')))?.text).toContain('overloaded');
    for (const agent of agents) agent.socket.destroy();
  });

  test.each(['tunnel', 'observe', 'deny'] as const)(
    'nothing goes out (hosts without a route: %s)',
    async (unrouted) => {
      world = await startProxyWorld({ config: { unrouted }, allowLoopback: true });
      world.client.hasRoom = false;
      const at = `other.test:${world.upstream.httpsPort}`;
      const plain = await world.agent();
      const answer = await plain.exchange(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, 'CONNECT');
      // Few clients show why a tunnel was refused: where nobody may pass without a route, the call inside is.
      expect(answer.status).toBe(unrouted === 'deny' ? 200 : 503);
      if (unrouted === 'deny') {
        const { agent: inside } = await secureRaw(plain.socket, { ca: world.proxy.caPem, servername: 'other.test' });
        expect((await inside.exchange(`GET / HTTP/1.1\r\nHost: ${at}\r\n\r\n`)).text).toContain('overloaded');
      }
      const agent = await world.agent();
      expect((await agent.exchange(world.request('GET', '/'))).text).toContain('overloaded');
      expect(world.upstream.seen).toEqual([]);
      await until('both were recorded', () => world.client.records.length === 2);
      world.client.hasRoom = true;
      expect((await (await world.agent()).exchange(world.request('GET', '/'))).status).toBe(200);
    },
  );

  test('a call that is under way goes on when its lease ends', async () => {
    world = await startProxyWorld();
    world.upstream.handle((_request, response) => {
      response.write('first ');
      setTimeout(() => response.end('last'), 3_000);
    });
    let asked = 0;
    world.client.decide = (question) => {
      asked += 1;
      world.client.hasRoom = false;
      return grant(question, bearer(SECRET), { cacheLease: { seconds: 1, nanos: 0 } });
    };
    const answer = await (await world.agent()).exchange(world.request('GET', '/'));
    expect(answer.text).toBe('first last');
    expect(asked).toBeGreaterThan(1);
  }, 60_000);
});
