import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { http2Agent } from '../support/agents/http2-agent.ts';
import { DecisionFact } from '../../proto/gen/sidekey/v1/route.ts';
import { type ProxyWorld, route, startProxyWorld } from '../support/worlds/proxy-world.ts';

let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld({
    routes: ({ httpsPort }) => [
      route({ ports: [httpsPort], decisionFacts: [DecisionFact.DECISION_FACT_BODY_BYTES], inspectLimitBytes: 1_000 }),
    ],
  });
});
afterEach(() => world.close());

const OPENING = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/allowed', 'sec-websocket-version': '13' };

test('A-13 a stream that opens a WebSocket declares content that never comes, and the next head is read as that content', async () => {
  const { upstream } = world;
  upstream.handle((request, response) => {
    request.resume();
    response.writeHead(404).end('no WebSocket here');
  });
  const { tls } = await world.tlsAgent('api.test', upstream.httpsPort, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `api.test:${upstream.httpsPort}`);
  await once(session, 'remoteSettings');
  // What the upstream would skip of the second opening: its rest is a request of its own, and the credential's field follows.
  const skipped = 'GET /allowed HTTP/1.1\r\nx-pad: ';
  const statuses: number[] = [];
  for (const headers of [{ 'content-length': String(skipped.length) }, { 'x-pad': 'DELETE /admin HTTP/1.1' }]) {
    const stream = session.request({ ...OPENING, ...headers }, { endStream: false });
    stream.on('error', () => {});
    stream.end();
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    statuses.push(Number(head[':status']));
  }
  session.destroy();
  expect(statuses).toEqual([400, 404]);
});
