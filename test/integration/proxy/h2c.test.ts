import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { type ClientDuplexStream, type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { grpcClient, startGrpcEcho } from '../../support/upstreams/grpc-echo.ts';
import { denial, HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

// Upstreams that speak HTTP/2 without TLS, by prior knowledge: grpc-js and Node's own server.
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function startWorld(port: number, protocol = 'h2c'): Promise<ProxyWorld> {
  const world = await startProxyWorld({ routes: () => [route({ hosts: ['localhost'], ports: [port], protocol })] });
  ended.push(() => world.close());
  return world;
}

/** Remembers `:method :path authorization` of each request. */
async function startNode(): Promise<{ port: number; seen: string[]; connections: () => number }> {
  const seen: string[] = [];
  let accepted = 0;
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    accepted += 1;
    sessions.add(session);
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    seen.push(`${headers[':method']} ${headers[':scheme']} ${headers[':path']} ${headers.authorization}`);
    stream.respond({ ':status': 200 });
    stream.end('in the clear');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { port: (server.address() as AddressInfo).port, seen, connections: () => accepted };
}

test('gRPC of all kinds between a client and a server without TLS', async () => {
  const server = await startGrpcEcho(HOSTS, true);
  ended.push(() => server.close());
  const world = await startWorld(server.port);
  process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
  const client = grpcClient(`localhost:${server.port}`, '');
  delete process.env['grpc_proxy'];
  ended.push(() => client.close());
  const unary = (text: string): Promise<string> =>
    new Promise((resolve) => {
      client['unary']?.(Buffer.from(text), (error: ServiceError | null, value?: Buffer) =>
        resolve(error === null ? String(value) : `${status[error.code]} ${error.details}`),
      );
    });
  expect(await unary('hello')).toBe('hello');
  expect(await unary('echo')).toBe(`Bearer ${'*'.repeat(SECRET.length)}`);
  expect(await unary('fail')).toBe('FAILED_PRECONDITION not now: 50%');
  expect(server.seen[0]?.get('authorization')).toEqual([`Bearer ${SECRET}`]);
  const count: ClientReadableStream<Buffer> = client['count']?.(Buffer.from('5'));
  const parts: string[] = [];
  for await (const part of count) parts.push(String(part));
  expect(parts).toEqual(['0', '1', '2', '3', '4']);
  const chat: ClientDuplexStream<Buffer, Buffer> = client['chat']?.();
  chat.write(Buffer.from('one'));
  expect(String(await new Promise((resolve) => chat.once('data', resolve)))).toBe('re: one');
  chat.end();
  await new Promise((resolve) => chat.once('end', resolve));
  const collected = await new Promise((resolve) => {
    const call = client['collect']?.((_: unknown, value?: Buffer) => resolve(String(value)));
    for (const part of ['a', 'b']) call.write(Buffer.from(part));
    call.end();
  });
  expect(collected).toBe('ab');
  world.client.decide = () => denial('rule-denied', 'no');
  expect(await unary('denied')).toMatch(/^PERMISSION_DENIED rule-denied/);
  await until('all are recorded', () => world.client.records.length === 7);
  expect(world.client.records[0]).toMatchObject({ destination: { scheme: 'http' }, reason: 1 });
});

test('an HTTP/1.1 agent gets there too, and a cold burst shares one connection', async () => {
  const server = await startNode();
  const world = await startWorld(server.port);
  const ask = async (path: string): Promise<string> => {
    const agent = await world.agent();
    const at = `localhost:${server.port}`;
    const { status, body } = await agent.exchange(`GET http://${at}${path} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    return `${status} ${body.toString()}`;
  };
  const answers = await Promise.all(Array.from({ length: 10 }, (_, at) => ask(`/${at}`)));
  expect(new Set(answers)).toEqual(new Set(['200 in the clear']));
  expect(server.seen).toContain(`GET http /0 Bearer ${SECRET}`);
  expect(server.connections()).toBe(1);
});

test('without the declaration HTTP/1.1 is spoken', async () => {
  const first: string[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      first.push(bytes.toString('latin1').split('\r\n', 1)[0] ?? '');
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ended.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const request = `GET http://localhost:${port}/ HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`;
  const plain = await startWorld(port, 'http');
  expect((await (await plain.agent()).exchange(request)).status).toBe(200);
  // And where it was declared wrongly, the server's answer in HTTP/1.1 is no answer.
  const wrong = await startWorld(port);
  const answer = await (await wrong.agent()).exchange(request);
  expect([answer.status, JSON.parse(answer.body.toString()).code]).toEqual([502, 'upstream-malformed']);
  expect(first).toEqual(['GET / HTTP/1.1', 'PRI * HTTP/2.0']);
});

test('a WebSocket to a server that takes none in HTTP/2 is refused, as there is no other way', async () => {
  const server = await startNode();
  const world = await startWorld(server.port);
  const at = `localhost:${server.port}`;
  const opening = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const head = [`GET http://${at}/ HTTP/1.1`, `Host: ${at}`, ...opening, 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];
  const { status, body } = await (await world.agent()).exchange(`${head.join('\r\n')}\r\n\r\n`);
  expect([status, JSON.parse(body.toString()).code]).toEqual([403, 'upgrade-refused']);
  expect(server.seen).toEqual([]);
});
