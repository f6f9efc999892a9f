import { afterEach, expect, test } from 'vitest';
import { CLIENT_START, END_STREAM, headers, type Pairs } from '../support/protocols/http2-frames.ts';
import { type ProxyWorld, startProxyWorld } from '../support/worlds/proxy-world.ts';
import type { RawAgent } from '../support/agents/raw-agent.ts';

let world: ProxyWorld;
afterEach(() => world?.close());

const AGENTS = 20;
const EACH = 60;
/** What all agents together may begin in a turn of the event loop: one each as it is read, and a few more. */
const A_TURN = AGENTS + 32;

/** Has some agents flood the proxy with calls that are refused at once; another one comes when it is at that. */
async function flood(send: (agent: RawAgent) => void, agents: readonly RawAgent[]): Promise<void> {
  const { records } = world.client;
  const late = await world.agent();
  await late.exchange('GET http://early.test/ HTTP/1.1\r\nHost: early.test\r\n\r\n');
  records.length = 0;
  let [seen, most, cameAt] = [0, 0, 0];
  const look = (): void => {
    most = Math.max(most, records.length - seen);
    seen = records.length;
    if (seen > 0 && cameAt === 0) {
      cameAt = seen;
      late.send('GET http://late.test/ HTTP/1.1\r\nHost: late.test\r\n\r\n');
    }
    if (seen < AGENTS * EACH) setImmediate(look);
  };
  look();
  for (const agent of agents) send(agent);
  expect((await late.answer()).status).toBe(403);
  const before = records.findIndex((record) => record.destination?.host === 'late.test') - cameAt;
  // Its way to the proxy and through it takes a few turns.
  expect(before).toBeLessThan(4 * A_TURN);
  await expect.poll(() => records.length, { timeout: 25_000 }).toBe(AGENTS * EACH + 1);
  expect(most).toBeLessThanOrEqual(A_TURN + 1);
}

test('A-53 who pipelines without end over HTTP/1.1 lets others in between', async () => {
  world = await startProxyWorld();
  const agents = await Promise.all(Array.from({ length: AGENTS }, () => world.agent()));
  const request = 'GET http://nowhere.test/ HTTP/1.1\r\nHost: nowhere.test\r\n\r\n';
  await flood((agent) => agent.send(request.repeat(EACH)), agents);
});

test('A-53 who opens streams without end over HTTP/2 lets others in between', async () => {
  world = await startProxyWorld();
  world.client.setRoutes([]);
  const agents: RawAgent[] = [];
  for (let at = 0; at < AGENTS; at += 1)
    agents.push((await world.tlsAgent('api.test', 443, { ALPNProtocols: ['h2'] })).agent);
  // Without bodies no window holds the answers up.
  const head: Pairs = [
    [':method', 'HEAD'],
    [':scheme', 'https'],
    [':authority', 'api.test'],
    [':path', '/'],
  ];
  const requests = Array.from({ length: EACH }, (_, at) => headers(2 * at + 1, head, END_STREAM));
  await flood((agent) => agent.send(Buffer.concat([CLIENT_START, ...requests])), agents);
});
