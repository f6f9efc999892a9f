import { afterAll, beforeAll, expect, test } from 'vitest';
import { DecisionFact, type Route, TlsMode } from '../../proto/gen/sidekey/v1/route.ts';
import { http2Agent } from '../support/agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { playCutCalls } from '../support/worlds/cut-calls.ts';
import { CutTraffic } from '../support/worlds/cut-traffic.ts';
import { seededRandom } from '../support/random.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/**
 * Many connections at once, each of which may be cut by either side at any point: no call's bytes reach another, each call has
 * one record, and nothing is left behind.
 */
const WORKERS = 16;

const seed = FUZZ_SEED;
const random = seededRandom(seed);
let world: ProxyWorld;
let upstream: Http2UpstreamServer;
const traffic = new CutTraffic(random);

/** What policy reads of a request is held until it is whole, or too long. */
const READS: readonly Partial<Route>[] = [
  {},
  { decisionFacts: [DecisionFact.DECISION_FACT_BODY_BYTES], inspectLimitBytes: 10_000 },
  { maskedAnswerFields: ['token'] },
];

function routes(): void {
  const { httpPort, httpsPort, caPem } = world.upstream;
  const verify = (pem: string) => ({ mode: TlsMode.TLS_MODE_VERIFY, caPem: pem, serverName: '' });
  world.client.setRoutes([
    route({ ports: [httpPort] }),
    route({
      serverWorkload: 'tls',
      hosts: ['other.test'],
      ports: [httpsPort],
      tls: verify(caPem),
      ...random.pick(READS),
    }),
    route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [upstream.port], tls: verify(upstream.caPem) }),
  ]);
}

async function one(): Promise<void> {
  const { httpPort, httpsPort } = world.upstream;
  const plain = `api.test:${httpPort}`;
  if (random.below(3) === 0) return traffic.talkHttp1(plain, await world.agent(), `http://${plain}`);
  const [host, port] = random.pick([
    ['other.test', httpsPort],
    ['localhost', upstream.port],
  ] as const);
  const wantsHttp2 = random.below(2) === 0;
  const { agent, tls } = await world.tlsAgent(host, port, wantsHttp2 ? { ALPNProtocols: ['h2'] } : {});
  if (!wantsHttp2) return traffic.talkHttp1(`${host}:${port}`, agent, '');
  tls.removeAllListeners('data');
  return traffic.talkHttp2(http2Agent(tls, `${host}:${port}`));
}

beforeAll(async () => {
  world = await startProxyWorld({
    config: {
      admin: { host: '127.0.0.1', port: 0 },
      // A busy machine stops this process for seconds, after which what is late is closed before what has come is read.
      limits: { headerTimeoutMs: 15_000, bodyIdleTimeoutMs: 3_000, responseTimeoutMs: 3_000 },
    },
  });
  upstream = await startHttp2Upstream(HOSTS, (stream, headers) => traffic.answerStream(stream, headers));
  world.upstream.handle((request, response) => traffic.answer(request, response));
  routes();
});
afterAll(async () => {
  await world.close();
  await upstream.close();
});

test('calls that are cut anywhere keep apart, and each has its record', {
  timeout: (FUZZ_SECONDS + 90) * 1000,
}, async () => {
  const asked = await playCutCalls(world, WORKERS, async () => {
    await one();
    if (random.below(50) === 0) routes();
  });
  console.log(`${traffic.calls} calls, ${asked} asked, ${world.client.records.length} records, seed ${seed}`);
  expect(traffic.strangers, `seed ${seed}`).toEqual([]);
});
