import type http2 from 'node:http2';

import { afterEach, describe, expect, test } from 'vitest';
import { FrameType, PREFACE } from '../../../proxy/protocols/http2/frames.ts';
import { Setting } from '../../../proxy/protocols/http2/settings.ts';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import { END_STREAM, frame, headers, settings, uint32 } from '../../support/protocols/http2-frames.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { HOSTS, type ProxyWorld, route, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import type { RawAgent } from '../../support/agents/raw-agent.ts';
import { until } from '../../support/until.ts';

// Narrow windows, windows that change in mid-stream, readers of one byte, interim answers before a late one: slow, but
// nothing stands still.

const BODY = Buffer.from(Array.from({ length: 3_000 }, (_, at) => 97 + (at % 26)));
const PATIENCE_MS = 20_000;

let world: ProxyWorld;
const ended: (() => unknown)[] = [];
afterEach(async () => {
  await world.close();
  for (const end of ended.splice(0)) await end();
});

async function start(
  handler: Parameters<typeof startHttp2Upstream>[1],
  options: http2.SecureServerOptions = {},
): Promise<number> {
  const upstream = await startHttp2Upstream(HOSTS, handler, options);
  ended.push(() => upstream.close());
  const { port, caPem } = upstream;
  world = await startProxyWorld({
    config: { upstreamCaPem: caPem },
    routes: () => [route({ hosts: [...HOSTS], ports: [port] })],
  });
  return port;
}

describe('an agent of HTTP/2', () => {
  /** Sends a request frame by frame; `first` are the agent's own settings. */
  async function ask(first: Buffer): Promise<RawAgent> {
    const port = await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(BODY);
    });
    const { agent } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['h2'] });
    const head = [
      [':method', 'GET'],
      [':scheme', 'https'],
      [':authority', `localhost:${port}`],
      [':path', '/'],
    ] as const;
    return agent.send(PREFACE, first, headers(1, head, END_STREAM));
  }

  /** What came of the body, from the frames. */
  function bodyOf({ received }: RawAgent): string {
    let body = '';
    for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
      if (received[at + 3] === FrameType.DATA)
        body += received.toString('latin1', at + 9, at + 9 + received.readUIntBE(at, 3));
    }
    return body;
  }
  const grow = (byteCount: number): Buffer => frame(FrameType.WINDOW_UPDATE, 0, 1, uint32(byteCount));
  const initial = (byteCount: number): Buffer => settings([Setting.INITIAL_WINDOW_SIZE, byteCount]);

  test('whose window is 0, then grows byte by byte, then all at once', async () => {
    const agent = await ask(initial(0));
    await until('the head is here', () => agent.received.includes(FrameType.HEADERS));
    for (let count = 1; count <= 40; count += 1) {
      agent.send(grow(1));
      await until(`byte ${count}`, () => bodyOf(agent).length === count, PATIENCE_MS);
    }
    agent.send(grow(10_000));
    await until('all is here', () => bodyOf(agent) === BODY.toString(), PATIENCE_MS);
  });

  test('whose settings open, close and open the window in mid-stream', async () => {
    const agent = await ask(initial(10));
    await until('10 bytes', () => bodyOf(agent).length === 10, PATIENCE_MS);
    agent.send(initial(100));
    await until('100 bytes', () => bodyOf(agent).length === 100, PATIENCE_MS);
    // Below 0 (RFC 9113 6.9.2): what is given next fills the hole first.
    agent.send(initial(0), grow(50), grow(49));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(bodyOf(agent)).toHaveLength(100);
    agent.send(grow(2));
    await until('101 bytes', () => bodyOf(agent).length === 101, PATIENCE_MS);
    agent.send(initial(1_000_000));
    await until('all is here', () => bodyOf(agent) === BODY.toString(), PATIENCE_MS);
  });

  test('that reads one byte at a time', async () => {
    const port = await start((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(BODY);
    });
    const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['h2'] });
    const session = http2Agent(tls, `localhost:${port}`);
    ended.push(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    let body = '';
    let isOver = false;
    stream.on('end', () => (isOver = true));
    const reader = setInterval(() => {
      for (let count = 0; count < 100; count += 1) body += (stream.read(1) as Buffer | null)?.toString() ?? '';
    }, 1);
    ended.push(() => clearInterval(reader));
    await until('all is here', () => isOver, PATIENCE_MS);
    expect(body).toBe(BODY.toString());
  });
});

describe('an upstream of HTTP/2', () => {
  test.each([0, 1, 7])('with a window of %i, which it opens in mid-stream', async (initialWindowSize) => {
    let seen = '';
    const port = await start(
      (stream) => {
        stream.on('data', (bytes: Buffer) => (seen += bytes.toString()));
        stream.on('end', () => {
          stream.respond({ ':status': 200 });
          stream.end('thanks');
        });
        setTimeout(() => stream.session?.settings({ initialWindowSize: 2_000 }), 200);
        setTimeout(() => stream.session?.settings({ initialWindowSize: 20 }), 300);
        setTimeout(() => stream.session?.settings({ initialWindowSize: 65_535 }), 400);
      },
      { settings: { initialWindowSize } },
    );
    const { agent } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
    const head = `POST / HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: ${BODY.length}\r\n\r\n`;
    agent.send(head, BODY);
    expect((await agent.answer('POST')).text).toBe('thanks');
    expect(seen).toBe(BODY.toString());
  });
});

describe('interim answers pass at once, however late the answer', () => {
  describe.each(['h2', 'http/1.1'] as const)('to an agent of %s', (spoken) => {
    test.each(['h2', 'http/1.1'] as const)('from an upstream of %s', async (speaks) => {
      let answer: () => void = () => {};
      const hint = { link: '</style.css>; rel=preload' };
      world = await startProxyWorld();
      let { httpsPort: port } = world.upstream;
      if (speaks === 'h2') {
        await world.close();
        port = await start((stream) => {
          for (let count = 0; count < 3; count += 1) stream.additionalHeaders({ ':status': 103, ...hint });
          answer = () => {
            stream.respond({ ':status': 200 });
            stream.end('late');
          };
        });
      }
      world.upstream.handle((_, response) => {
        for (let count = 0; count < 3; count += 1) response.writeEarlyHints(hint);
        answer = () => response.end('late');
      });
      const host = speaks === 'h2' ? 'localhost' : 'api.test';
      const { agent, tls } = await world.tlsAgent(host, port, { ALPNProtocols: [spoken] });
      let [interim, late] = [0, ''];
      if (spoken === 'h2') {
        const session = http2Agent(tls, `${host}:${port}`);
        ended.push(() => session.destroy());
        const stream = session.request({ ':path': '/' });
        stream.on('headers', () => (interim += 1));
        stream.on('data', (bytes: Buffer) => (late += bytes.toString()));
      } else {
        agent.send(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
        await agent.until((text) => text.split('HTTP/1.1 103 ').length === 4);
        interim = 3;
      }
      await until('the hints are here', () => interim === 3, PATIENCE_MS);
      answer();
      if (spoken === 'http/1.1') late = (await agent.answer()).text;
      await until('the answer is here', () => late === 'late', PATIENCE_MS);
    });
  });
});
