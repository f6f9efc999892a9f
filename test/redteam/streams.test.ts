import { once } from 'node:events';
import type http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Question } from '../../policy-client/index.ts';
import { ask, http2Agent } from '../support/agents/http2-agent.ts';
import {
  type Http2UpstreamServer,
  type StreamHandler,
  startHttp2Upstream,
} from '../support/upstreams/http2-upstream.ts';
import {
  bearer,
  denial,
  grant,
  HOSTS,
  noteQuestions,
  type ProxyWorld,
  routeTo,
  SECRET,
  startProxyWorld,
} from '../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { renderings } from '../support/protocols/renderings.ts';

// The attacks of HTTP/1.1 once more, over streams of HTTP/2 and over WebSockets.
let world: ProxyWorld;
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
  await world.close();
});

/** Streams of both sides; `asked` is what policy was asked. */
async function start(
  handler: StreamHandler,
): Promise<{ asked: Question[]; upstream: Http2UpstreamServer; agent: http2.ClientHttp2Session }> {
  const upstream = await startHttp2Upstream(HOSTS, handler);
  ended.push(() => upstream.close());
  world = await startProxyWorld({
    routes: () => [routeTo(upstream)],
  });
  const asked = noteQuestions(world, (question) =>
    question.path.startsWith('/denied') ? denial('rule-denied') : grant(question, bearer(SECRET)),
  );
  const { tls } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['h2'] });
  const agent = http2Agent(tls, `localhost:${upstream.port}`);
  ended.push(() => agent.destroy());
  return { asked, upstream, agent };
}

const hello: StreamHandler = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('hello');
};

function expectClean(text: string): void {
  for (const [name, rendering] of renderings(SECRET)) expect(text.includes(rendering), name).toBe(false);
}

test.each(renderings(SECRET).map(([name]) => name))(
  'A-01 A-02 A-03 the echo over a stream, a byte in each DATA frame, as %s',
  async (name) => {
    const echo = renderings(SECRET).find(([known]) => known === name)?.[1] ?? '';
    // No field holds a NUL (RFC 9110 5.5).
    const field = echo.includes('\0') ? SECRET : echo;
    const { agent, upstream } = await start(async (stream) => {
      stream.additionalHeaders({ ':status': 103, link: `</${encodeURIComponent(SECRET)}>` });
      stream.respond({ ':status': 401, 'x-echo': field, 'www-authenticate': SECRET }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trail': field }));
      for (const byte of `{"a":"${echo}"}`) {
        stream.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stream.end();
    });
    const answer = await ask(agent, { ':path': '/' });
    expect(upstream.seen[0]?.authorization).toBe(`Bearer ${SECRET}`);
    expect([answer.status, answer.informational, answer.body.length]).toEqual([401, [103], echo.length + 8]);
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(Object.keys(answer.trailers)).toContain('x-trail');
    expectClean(JSON.stringify([answer.headers, answer.trailers]) + answer.body.toString());
  },
);

test('A-08 A-23 each stream of a connection is decided, whatever its neighbours were told', async () => {
  const { agent, asked, upstream } = await start(hello);
  const paths = Array.from({ length: 20 }, (_, at) => `/${at % 2 === 0 ? 'allowed' : 'denied'}/${at}`);
  const answers = await Promise.all(paths.map((path) => ask(agent, { ':path': path })));
  expect(answers.map(({ status }) => status)).toEqual(paths.map((path) => (path.startsWith('/allowed') ? 200 : 403)));
  expect(asked.map(({ path }) => path).sort()).toEqual([...paths].sort());
  expect(upstream.seen.every((head) => head[':path']?.startsWith('/allowed'))).toBe(true);
  world.client.decide = () => denial('workload-revoked');
  expect((await ask(agent, { ':path': '/allowed/0' })).status).toBe(403);
  expect(upstream.seen).toHaveLength(10);
});

describe('A-11 A-63 a :path that is none', () => {
  test.each(['*', 'api', '?x', '//x', '/a/../b', '/a%2e%2e/%2e%2e/b', '/a#b', 'https://localhost/', '/a\\b'])(
    '%s',
    async (path) => {
      const { agent, asked, upstream } = await start(hello);
      const answer = await ask(agent, { ':path': path }).catch(() => ({ status: 400 }));
      expect(answer.status).toBe(400);
      expect(asked).toEqual([]);
      expect(upstream.connections()).toBe(0);
    },
  );
});

test('A-16 A-34 A-62 what the agent says of itself in a stream goes no further', async () => {
  const { agent, upstream } = await start(hello);
  const own = {
    authorization: 'Bearer mine',
    'x-api-key': 'mine',
    cookie: ['session=mine', 'other=mine'],
    'proxy-authorization': 'Basic mine',
    'x-forwarded-user': 'mine',
    'x-original-url': '/mine',
  };
  expect((await ask(agent, { ':path': '/?access_token=mine&a=1', ...own })).status).toBe(200);
  expect(JSON.stringify(upstream.seen)).not.toContain('mine');
  expect(upstream.seen[0]).toMatchObject({ ':path': '/?a=1', authorization: `Bearer ${SECRET}` });
});

describe('A-01 A-02 the echo in a WebSocket', () => {
  test.each([true, false])('compressed: %s', async (perMessageDeflate) => {
    const { key, cert, caPem } = makeTlsIdentity(HOSTS);
    const server = https.createServer({ key, cert });
    const sockets = new WebSocketServer({ server, perMessageDeflate: perMessageDeflate && { threshold: 0 } });
    sockets.on('connection', (socket) => {
      socket.on('error', () => socket.terminate());
      socket.on('message', (name: Buffer) => {
        const echo = renderings(SECRET).find(([known]) => known === name.toString())?.[1] ?? '';
        // In a message of many frames, whose cuts run through the secret.
        for (const byte of echo) socket.send(byte, { fin: false });
        socket.send('.', { fin: true });
        socket.send(Buffer.from(echo));
        socket.ping(echo.slice(0, 120));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    world = await startProxyWorld({
      routes: () => [routeTo({ port, caPem })],
    });
    const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
    const client = new WebSocket(`wss://localhost:${port}/`, { perMessageDeflate, createConnection: () => tls });
    ended.push(
      () => client.terminate(),
      () => sockets.clients.forEach((socket) => socket.terminate()),
      () => server.close(),
    );
    await once(client, 'open');
    for (const [name, text] of renderings(SECRET)) {
      const got: string[] = [];
      const heard = new Promise<void>((resolve) => {
        client.on('message', (bytes: Buffer) => got.push(bytes.toString()));
        client.once('ping', (bytes: Buffer) => {
          got.push(bytes.toString());
          resolve();
        });
      });
      client.send(name);
      await heard;
      client.removeAllListeners('message');
      expect(got.map(({ length }) => length)).toEqual([text.length + 1, text.length, Math.min(120, text.length)]);
      expectClean(got.join(' '));
    }
  });
});
