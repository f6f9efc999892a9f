import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outcome } from '../../../proto/gen/sidekey/v1/decision.ts';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { END_STREAM, headers, settings } from '../../support/protocols/http2-frames.ts';
import { type FaultyHttp2Upstream, goAway, startFaultyHttp2Upstream } from '../../support/upstreams/http2-faults.ts';
import { type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

// A connection that has served calls ends under further ones: none is lost that may be sent again, none is sent twice that may not.

let world: ProxyWorld;
let upstream: FaultyHttp2Upstream;
let seen: string[];
beforeEach(async () => {
  upstream = await startFaultyHttp2Upstream();
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream.caPem, serverName: '' };
  world = await startProxyWorld({ routes: () => [route({ hosts: ['localhost'], ports: [upstream.port], tls })] });
  seen = [];
});
afterEach(async () => {
  await world.close();
  await upstream.close();
});

const OK = [[':status', '200']] as const;

/** Answers all but the second request of the first connection, on which it does this. */
function onSecond(strike: FaultyHttp2Upstream['onRequest']): void {
  upstream.onRequest = (socket, stream) => {
    const connection = upstream.sockets.indexOf(socket) + 1;
    seen.push(`${connection}.${stream}`);
    if (connection === 1 && stream > 1) strike(socket, stream);
    else socket.write(headers(stream, OK, END_STREAM));
  };
}

async function openAgent(): Promise<RawAgent> {
  return (await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['http/1.1'] })).agent;
}

function call(agent: RawAgent, method: string, body = ''): ReturnType<RawAgent['exchange']> {
  const fields = `Host: localhost:${upstream.port}\r\nContent-Length: ${body.length}`;
  return agent.exchange(`${method} / HTTP/1.1\r\n${fields}\r\n\r\n${body}`);
}

const END: FaultyHttp2Upstream['onRequest'] = (socket) => void socket.end();
const END_IT_TAKEN: FaultyHttp2Upstream['onRequest'] = (socket, stream) => void socket.end(goAway(stream, 9));
const NOT_TAKEN: FaultyHttp2Upstream['onRequest'] = (socket, stream) => void socket.end(goAway(stream - 2));

test.each([
  ['GET', 'ends without a word', END, 200],
  ['HEAD', 'ends without a word', END, 200],
  ['PUT', 'ends without a word', END, 502],
  ['DELETE', 'ends without a word', END, 502],
  ['POST', 'ends without a word', END, 502],
  ['GET', 'ends and may have taken it', END_IT_TAKEN, 200],
  ['POST', 'ends and may have taken it', END_IT_TAKEN, 502],
  ['GET', 'ends and says that it has not taken it', NOT_TAKEN, 200],
  ['POST', 'ends and says that it has not taken it', NOT_TAKEN, 200],
] as const)('%s on one that %s', async (method, _, strike, status) => {
  onSecond(strike);
  const agent = await openAgent();
  expect((await call(agent, 'GET')).status).toBe(200);
  expect((await call(agent, method)).status).toBe(status);
  expect(seen).toEqual(status === 200 ? ['1.1', '1.3', '2.1'] : ['1.1', '1.3']);
  expect(world.client.records.map(({ outcome }) => outcome === Outcome.OUTCOME_ALLOWED)).toEqual([
    true,
    status === 200,
  ]);
});

test.each([
  ['little', 'goes again where it was not taken', NOT_TAKEN, 'body', 200],
  ['much', 'does not', NOT_TAKEN, 'x'.repeat(70_000), 502],
  ['little', 'does not where it may have been taken', END_IT_TAKEN, 'body', 502],
] as const)('content that is %s %s', async (_size, _what, strike, body, status) => {
  onSecond(strike);
  const agent = await openAgent();
  await call(agent, 'GET');
  expect((await call(agent, 'POST', body)).status).toBe(status);
  expect(seen).toEqual(status === 200 ? ['1.1', '1.3', '2.1'] : ['1.1', '1.3']);
  expect(world.client.records[1]).toMatchObject({ requestBytes: body.length });
});

test('a fresh one on which all that is sent ends is given up after the second', async () => {
  upstream.onRequest = (socket, stream) => {
    seen.push(`${upstream.sockets.indexOf(socket) + 1}.${stream}`);
    if (seen.length === 1) socket.write(headers(stream, OK, END_STREAM));
    else socket.end();
  };
  const agent = await openAgent();
  expect((await call(agent, 'GET')).status).toBe(200);
  expect((await call(agent, 'GET')).status).toBe(502);
  expect(seen).toEqual(['1.1', '1.3', '2.1']);
});

test('where no further connection may be open, the one that ended makes room', async () => {
  await world.close();
  const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream.caPem, serverName: '' };
  world = await startProxyWorld({
    routes: () => [route({ hosts: ['localhost'], ports: [upstream.port], tls })],
    config: { limits: { maxConnectionsPerHost: 1 } },
  });
  onSecond(END);
  const agent = await openAgent();
  await call(agent, 'GET');
  expect((await call(agent, 'GET')).status).toBe(200);
});

test('the proxy that stops sends nothing again', async () => {
  onSecond(() => void world.proxy.close(0));
  const agent = await openAgent();
  await call(agent, 'GET');
  await call(agent, 'GET').catch(() => {});
  await world.proxy.close(0);
  expect(seen).toEqual(['1.1', '1.3']);
});

test('one that takes no calls any more is not kept', async () => {
  upstream.onRequest = (socket, stream) =>
    void socket.write(Buffer.concat([settings([0x3, 0]), headers(stream, OK, END_STREAM)]));
  const agent = await openAgent();
  for (let count = 0; count < 5; count += 1) expect((await call(agent, 'GET')).status).toBe(200);
  expect(upstream.sockets).toHaveLength(5);
  await until('all are let go', () => upstream.sockets.every(({ destroyed }) => destroyed));
});

test('one that takes no calls for a while is kept for those that are under way', async () => {
  upstream.onRequest = (socket, stream) => void socket.write(settings([0x3, 0]), () => seen.push(`${stream}`));
  const agent = await openAgent();
  const answer = call(agent, 'GET');
  await until('it came', () => seen.length === 1);
  upstream.sockets[0]?.write(settings([0x3, 100]));
  upstream.sockets[0]?.write(headers(1, OK, END_STREAM));
  expect((await answer).status).toBe(200);
  upstream.onRequest = (socket, stream) => void socket.write(headers(stream, OK, END_STREAM));
  expect((await call(agent, 'GET')).status).toBe(200);
  expect(upstream.sockets).toHaveLength(1);
});
