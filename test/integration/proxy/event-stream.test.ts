import type http from 'node:http';
import type http2 from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { http2Agent } from '../../support/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../../support/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/proxy-world.ts';

const MASK = '*'.repeat(SECRET.length);

/** Writes one event; ends the answer when there is none. */
type Say = (event: string | undefined) => void;

let world: ProxyWorld;
let upstream2: Http2UpstreamServer;
let opened: (say: Say) => void;

beforeAll(async () => {
  upstream2 = await startHttp2Upstream(HOSTS, (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
    opened((event) => (event === undefined ? stream.end() : stream.write(event)));
  });
  world = await startProxyWorld({
    routes: ({ httpsPort, caPem }) =>
      [[httpsPort, caPem, 'api.test'] as const, [upstream2.port, upstream2.caPem, 'localhost'] as const].map(
        ([port, ca, host]) => route({ hosts: [host], ports: [port], tls: { mode: 1, caPem: ca, serverName: '' } }),
      ),
  });
  world.upstream.handle((_request: http.IncomingMessage, response: http.ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    opened((event) => (event === undefined ? response.end() : response.write(event)));
  });
});
afterEach(() => {
  opened = () => {};
});
afterAll(async () => {
  await world.close();
  await upstream2.close();
});

/** Opens the stream as an agent of this version; what arrives is told piece by piece. */
async function listen(version: 1 | 2, host: string, port: number, heard: (text: string) => void): Promise<void> {
  const { agent, tls } = await world.tlsAgent(host, port, { ALPNProtocols: [version === 2 ? 'h2' : 'http/1.1'] });
  if (version === 1) {
    tls.on('data', (bytes: Buffer) => heard(bytes.toString()));
    agent.send(`GET /events HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
    return;
  }
  const stream = http2Agent(tls, `${host}:${port}`).request({ ':path': '/events' });
  stream.on('error', () => {});
  stream.on('data', (bytes: Buffer) => heard(bytes.toString()));
}

describe.each([1, 2] as const)('an agent of HTTP/%s', (agentVersion) => {
  test.each([1, 2] as const)(
    'hears each event of an HTTP/%s upstream before the next is said',
    async (upstreamVersion) => {
      const say = new Promise<Say>((resolve) => (opened = resolve));
      let text = '';
      let wake: () => void = () => {};
      const [host, port] =
        upstreamVersion === 1
          ? (['api.test', world.upstream.httpsPort] as const)
          : (['localhost', upstream2.port] as const);
      await listen(agentVersion, host, port, (piece) => {
        text += piece;
        wake();
      });
      const write = await say;
      const latencies: number[] = [];
      for (let at = 0; at < 5; at += 1) {
        const saidAt = performance.now();
        write(`data: ${at} ${at === 3 ? SECRET : ''}\n\n`);
        // The next one is not said before this one was heard: a proxy that waits for more waits for ever.
        while (!text.includes(`data: ${at} ${at === 3 ? MASK : ''}\n\n`))
          await new Promise<void>((resolve) => (wake = resolve));
        latencies.push(performance.now() - saidAt);
      }
      const median = latencies.sort((one, other) => one - other)[2] ?? 0;
      console.log(
        `HTTP/${agentVersion} agent, HTTP/${upstreamVersion} upstream: an event takes ${median.toFixed(2)} ms (median)`,
      );
      write(undefined);
      expect(text).not.toContain(SECRET);
    },
  );
});

test('a long poll is held as long as the upstream likes, then answered at once', async () => {
  const say = new Promise<Say>((resolve) => (opened = resolve));
  const { agent } = await world.tlsAgent('api.test', world.upstream.httpsPort);
  const answer = agent.exchange(`GET /poll HTTP/1.1\r\nHost: api.test:${world.upstream.httpsPort}\r\n\r\n`);
  const write = await say;
  await new Promise((resolve) => setTimeout(resolve, 300));
  write('news');
  write(undefined);
  expect((await answer).text).toBe('news');
});
