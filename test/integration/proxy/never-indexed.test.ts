import { once } from 'node:events';
import http2 from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';

const { sensitiveHeaders } = http2;
const ALL = new Set([':path', 'authorization', 'x-mine']);
const namesIn = (headers: object): unknown => Reflect.get(headers, sensitiveHeaders);
let world: ProxyWorld;
afterEach(() => world?.close());

test('RFC 7541 6.2.3: what came as never indexed goes on so, both ways and in trailers, each time', async () => {
  const heard: unknown[] = [];
  const upstream = await startHttp2Upstream(HOSTS, (stream, headers) => {
    heard.push(namesIn(headers));
    stream.respond({ 'x-a': '1', 'x-own': 'secret', [sensitiveHeaders]: ['x-own'] }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': 'secret', [sensitiveHeaders]: ['x-late'] }));
    stream.end('hello');
  });
  world = await startProxyWorld({
    config: { upstreamCaPem: upstream.caPem },
    routes: () => [route({ ports: [upstream.port] })],
  });
  const { tls } = await world.tlsAgent('api.test', upstream.port, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `api.test:${upstream.port}`);
  for (let call = 0; call < 3; call += 1) {
    const mine = { 'x-mine': 'secret', 'x-other': '1', [sensitiveHeaders]: ['x-mine', ':path'] };
    const stream = session.request({ ':path': '/private', te: 'trailers', ...mine });
    stream.resume();
    const [[head], [trailers]] = await Promise.all([once(stream, 'response'), once(stream, 'trailers')]);
    expect([namesIn(head), namesIn(trailers)]).toEqual([['x-own'], ['x-late']]);
  }
  // The credential is the proxy's own.
  expect(heard.map((names) => new Set([names].flat()))).toEqual([ALL, ALL, ALL]);
  session.destroy();
  await upstream.close();
});
