import { once } from 'node:events';
import type http2 from 'node:http2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REASONS } from '../../../proto/reasons.ts';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import { type ProxyWorld, routeTo, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';
import { frame } from '../../support/protocols/websocket-frames.ts';

// An agent of HTTP/2 takes every 2xx for an agreement (RFC 8441 5), an upstream of HTTP/1.1 agrees by 101 alone.
let world: ProxyWorld;
beforeEach(async () => {
  world = await startProxyWorld({
    routes: ({ httpsPort, caPem }) => [routeTo({ port: httpsPort, caPem }, 'api.test')],
  });
});
afterEach(() => world.close());

/** The status of the answer. */
async function open(): Promise<number | undefined> {
  const authority = `api.test:${world.upstream.httpsPort}`;
  const { tls } = await world.tlsAgent('api.test', world.upstream.httpsPort, { ALPNProtocols: ['h2'] });
  tls.removeAllListeners('data');
  const session = http2Agent(tls, authority);
  await once(session, 'remoteSettings');
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':authority': authority,
      ':path': '/feed',
      'sec-websocket-version': '13',
      'sec-websocket-extensions': 'permessage-deflate',
    },
    { endStream: false },
  );
  stream.on('error', () => {});
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpStatusHeader];
  return headers[':status'];
}

test.each([200, 204, 299])('an upstream that answers %i to an upgrade has not agreed', async (status) => {
  world.upstream.handle((_request, response) => response.writeHead(status).end());
  expect(await open()).toBe(502);
  await until('it is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([{ reason: REASONS['upstream-malformed'].number }]);
});

test('frames in the body of an ordinary answer are none', async () => {
  world.upstream.handle((_request, response) => {
    response.end(frame({ opcode: 1, payload: 'hi' }));
  });
  expect(await open()).toBe(502);
});

test('a refusal stays what it is', async () => {
  world.upstream.handle((_request, response) => response.writeHead(403).end('no'));
  expect(await open()).toBe(403);
});
