import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FrameUpstream } from '../../support/upstreams/frame-upstream.ts';
import { type ConformanceWorld, startConformanceWorld } from '../../conformance/world.ts';
import { data, END_STREAM, headers, type Pairs } from '../../support/protocols/http2-frames.ts';
import { denial } from '../../support/worlds/proxy-world.ts';

/** Answers without content (RFC 9110 6.4.1), in every pair of versions, and however HTTP/2 ends them. */

let world: ConformanceWorld;
beforeAll(async () => {
  world = await startConformanceWorld();
});
afterAll(() => world.close());
beforeEach(() => world.reset());

const BARE = [
  ['HEAD', 200, []],
  ['HEAD', 200, [['content-length', '12345']]],
  ['HEAD', 200, [['content-encoding', 'gzip']]],
  ['GET', 204, []],
  ['GET', 304, []],
  ['GET', 304, [['content-length', '12345']]],
] as const;
const EMPTY = [
  ['GET', 200, []],
  ['POST', 201, []],
  ['GET', 205, [['content-length', '0']]],
] as const;
const ENDS = ['on its head', 'on an empty DATA frame'] as const;

type Told = readonly [method: string, status: number, fields: Pairs];

/** Answers the first request of a connection with this, and every later one with `ok`. */
function http2Script([, status, fields]: Told, end: (typeof ENDS)[number]): void {
  world.http2.script = (socket) => {
    const upstream = new FrameUpstream(socket, (stream) => {
      if (stream > 1) return void upstream.send(headers(stream, [[':status', '200']]), data(stream, 'ok', END_STREAM));
      const pairs: Pairs = [[':status', String(status)], ...fields];
      if (end === 'on its head') return void upstream.send(headers(stream, pairs, END_STREAM));
      upstream.send(headers(stream, pairs));
      setImmediate(() => upstream.send(data(stream, '', END_STREAM)));
    });
  };
}

function http1Script([method, status, fields]: Told): void {
  let asked = 0;
  world.secure.script = (socket) => {
    socket.on('data', () => {
      asked += 1;
      if (asked > 1) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      const isBare = method === 'HEAD' || status === 204 || status === 304;
      const framed: Pairs = isBare || fields.length > 0 ? fields : [['content-length', '0']];
      const lines = framed.map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 ${status} \r\n${lines.join('')}\r\n`);
    });
  };
}

/** The answer has no content, and the next one on the connection is read as such. */
async function askTwice(port: number, [method, status]: Told): Promise<Map<string, string>> {
  const agent = await world.agent();
  const at = `plain.test:${port}`;
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  const first = await agent.exchange(`${method} https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n${length}\r\n`);
  expect([first.status, first.text]).toEqual([status, '']);
  const second = await agent.exchange(`GET https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect([second.status, second.text]).toEqual([200, 'ok']);
  return new Map([...first.headers].map(([name, value]) => [name.toLowerCase(), value]));
}

async function askStreams(port: number, [method, status]: Told): Promise<Map<string, string>> {
  const agent = await world.frames('plain.test', port);
  agent.start(headers(1, agent.request(method), END_STREAM));
  const first = await agent.whole(1);
  expect([first.status, first.body.length]).toEqual([String(status), 0]);
  agent.send(headers(3, agent.get(), END_STREAM));
  expect((await agent.whole(3)).body.toString()).toBe('ok');
  return first.heads[0] ?? new Map<string, string>();
}

describe.each(ENDS)('from HTTP/2, ended %s', (end) => {
  test.each([...BARE, ...EMPTY])('%s %i %j to HTTP/1.1', async (...told) => {
    http2Script(told, end);
    const found = await askTwice(world.http2.port, told);
    const [declared] = told[2];
    if (declared?.[0] === 'content-length') expect(found.get('content-length')).toBe(declared[1]);
    if (BARE.some((bare) => bare === told)) expect(found.has('transfer-encoding')).toBe(false);
  });

  test.each([...BARE, ...EMPTY])('%s %i %j to HTTP/2', async (...told) => {
    http2Script(told, end);
    await askStreams(world.http2.port, told);
  });
});

describe('from HTTP/1.1', () => {
  test.each([...BARE, ...EMPTY])('%s %i %j to HTTP/1.1', async (...told) => {
    http1Script(told);
    await askTwice(world.secure.port, told);
  });

  test.each([...BARE, ...EMPTY])('%s %i %j to HTTP/2', async (...told) => {
    http1Script(told);
    await askStreams(world.secure.port, told);
  });
});

test('a 204 of HTTP/2 that declares a length reaches HTTP/1.1 without it (RFC 9110 8.6)', async () => {
  const told = ['GET', 204, [['content-length', '5']]] as const;
  http2Script(told, 'on its head');
  expect((await askTwice(world.http2.port, told)).has('content-length')).toBe(false);
});

test('a compressed answer to HEAD has nothing to decode', async () => {
  world.http2.script = (socket) => {
    const upstream = new FrameUpstream(socket, (stream) => {
      const length = String(gzipSync('hello').length);
      upstream.send(
        headers(stream, [
          [':status', '200'],
          ['content-encoding', 'gzip'],
          ['content-length', length],
        ]),
        data(stream, '', END_STREAM),
      );
    });
  };
  const agent = await world.agent();
  const at = `api.test:${world.http2.port}`;
  const answer = await agent.exchange(`HEAD https://${at}/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  expect(answer.status).toBe(200);
});

test('a denied gRPC call over HTTP/1.1 gets an answer that ends', async () => {
  world.proxy.client.decide = () => denial('rule-denied');
  const agent = await world.agent();
  const at = `plain.test:${world.secure.port}`;
  const head = `POST https://${at}/pkg.Svc/M HTTP/1.1\r\nHost: ${at}\r\nContent-Type: application/grpc\r\n\r\n`;
  for (let times = 0; times < 2; times += 1) expect((await agent.exchange(head)).headers.get('grpc-status')).toBe('7');
});
