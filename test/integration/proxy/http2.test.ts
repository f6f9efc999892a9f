import { randomBytes } from 'node:crypto';
import type http2 from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import {
  type Http2UpstreamServer,
  startHttp2Upstream,
  type StreamHandler,
} from '../../support/upstreams/http2-upstream.ts';
import { denial, HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

let world: ProxyWorld;
let upstream: Http2UpstreamServer;
afterEach(async () => {
  await world.close();
  await upstream.close();
});

async function start(handler: StreamHandler, options: http2.SecureServerOptions = {}): Promise<string> {
  upstream = await startHttp2Upstream(HOSTS, handler, options);
  world = await startProxyWorld({
    routes: ({ httpPort, httpsPort }) => [
      route({ ports: [httpPort, httpsPort] }),
      route({
        serverWorkload: 'h2',
        hosts: ['localhost'],
        ports: [upstream.port],
        tls: { mode: 1, caPem: upstream.caPem, serverName: '' },
      }),
    ],
  });
  return `localhost:${upstream.port}`;
}

const hello: StreamHandler = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'text/plain' });
  stream.end('hello');
};

async function agentOf(authority: string): Promise<http2.ClientHttp2Session> {
  const [host = '', port] = authority.split(':');
  const { tls } = await world.tlsAgent(host, Number(port), { ALPNProtocols: ['h2'] });
  expect(tls.alpnProtocol).toBe('h2');
  return http2Agent(tls, authority);
}

test('many streams of one agent connection share one upstream connection, each with its credential and record', async () => {
  const authority = await start(hello);
  const agent = await agentOf(authority);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => ask(agent, { ':path': `/item/${at}`, authorization: 'Bearer own' })),
  );
  expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(Array.from({ length: 50 }, () => '200 hello'));
  expect(new Set(upstream.seen.map((head) => head[':path']))).toEqual(new Set(answers.map((_, at) => `/item/${at}`)));
  expect(new Set(upstream.seen.map((head) => head.authorization))).toEqual(new Set([`Bearer ${SECRET}`]));
  expect(upstream.seen.every((head) => head.host === undefined && head.via?.includes('sidekey'))).toBe(true);
  await ask(agent, { ':path': '/again' });
  expect(upstream.connections()).toBeLessThanOrEqual(50);
  await until('all calls are recorded', () => world.client.records.length === 51);
  expect(world.client.records.every((record) => record.removedCredentials.length <= 1 && record.status === 200)).toBe(
    true,
  );
});

test('once an upstream is known to speak HTTP/2, concurrent calls wait for one connection', async () => {
  const authority = await start(hello);
  const agent = await agentOf(authority);
  await ask(agent, { ':path': '/' });
  for (const session of upstream.sessions) session.close();
  await until('the connections are closed', () => upstream.sessions.size === 0);
  const before = upstream.connections();
  await Promise.all(Array.from({ length: 20 }, () => ask(agent, { ':path': '/' })));
  expect(upstream.connections()).toBe(before + 1);
});

test('bodies and trailers pass both ways with the flow control of both sides', async () => {
  const sent = randomBytes(5_000_000);
  const authority = await start((stream) => {
    const chunks: Buffer[] = [];
    let trailing: http2.IncomingHttpHeaders = {};
    stream.on('trailers', (found) => (trailing = found));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(trailing['x-in'] ?? 'none') }));
      stream.end(Buffer.concat(chunks));
    });
  });
  const agent = await agentOf(authority);
  const answer = await ask(agent, { ':method': 'POST', ':path': '/echo' }, sent, { 'x-in': 'yes' });
  expect(answer.body.equals(sent)).toBe(true);
  expect(answer.trailers['x-sum']).toBe('yes');
});

test('an HTTP/1.1 agent reaches an upstream that speaks HTTP/2 alone', async () => {
  const authority = await start((stream, headers) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes', 'content-type': 'text/html' }));
    stream.end(`${headers[':method']} ${headers[':path']}`);
  });
  const { agent } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['http/1.1'] });
  const answer = await agent.exchange(
    `GET /one?a=1 HTTP/1.1\r\nHost: ${authority}\r\nTE: trailers\r\nConnection: TE\r\n\r\n`,
  );
  expect(answer.status).toBe(200);
  expect(answer.body.toString()).toBe('GET /one?a=1');
  // RFC 9110 6.5.1: an HTTP/1.1 reader refuses the others.
  expect([...(answer.trailers ?? [])]).toEqual([['x-end', 'yes']]);
  expect(upstream.seen[0]?.['te']).toBe('trailers');
});

test('an HTTP/2 agent reaches an upstream that speaks HTTP/1.1 alone', async () => {
  await start(hello);
  const authority = `api.test:${world.upstream.httpsPort}`;
  const agent = await agentOf(authority);
  const answer = await ask(agent, { ':method': 'POST', ':path': '/up', cookie: 'a=b' }, [
    Buffer.from('one'),
    Buffer.from('two'),
  ]);
  expect(answer.body.toString()).toBe('hello');
  const [request] = world.upstream.seen;
  expect(request?.body.toString()).toBe('onetwo');
  expect(request?.headers['transfer-encoding']).toBe('chunked');
  expect(request?.headers.host).toBe(authority);
  expect(request?.headers.authorization).toBe(`Bearer ${SECRET}`);
});

test('A-01 an echo is scrubbed from bodies, headers and trailers of a stream', async () => {
  const authority = await start((stream, headers) => {
    stream.respond({ ':status': 200, 'x-echo': String(headers.authorization) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trail': String(headers.authorization) }));
    for (const char of String(headers.authorization)) stream.write(char);
    stream.end();
  });
  const answer = await ask(await agentOf(authority), { ':path': '/' });
  expect(JSON.stringify([answer.headers, answer.trailers, answer.body.toString()])).not.toContain(SECRET);
  expect(answer.body.toString()).toBe(`Bearer ${'*'.repeat(SECRET.length)}`);
  expect(answer.trailers['x-trail']).toBe(`Bearer ${'*'.repeat(SECRET.length)}`);
});

test('A-08 a stream that names another authority or scheme is refused, its neighbours are not', async () => {
  const authority = await start(hello);
  const agent = await agentOf(authority);
  const other = await ask(agent, { ':path': '/', ':authority': `other.test:${upstream.port}` });
  expect([other.status, JSON.parse(other.body.toString()).code]).toEqual([421, 'destination-mismatch']);
  const scheme = await ask(agent, { ':path': '/', ':scheme': 'http' });
  expect(scheme.status).toBe(421);
  const host = await ask(agent, { ':path': '/', host: `other.test:${upstream.port}` });
  expect(host.status).toBe(421);
  expect((await ask(agent, { ':path': '/' })).status).toBe(200);
  expect(upstream.seen).toHaveLength(1);
});

test('a gRPC call that is denied gets a trailers-only answer with the reason', async () => {
  const authority = await start(hello);
  world.client.decide = () => denial('rule-denied', 'not this method');
  const answer = await ask(await agentOf(authority), {
    ':method': 'POST',
    ':path': '/pkg.Svc/M',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  expect([answer.status, answer.headers['grpc-status'], answer.headers['content-type']]).toEqual([
    200,
    '7',
    'application/grpc',
  ]);
  expect(answer.headers['grpc-message']).toMatch(/^rule-denied: not this method/);
});

test('an answer that came before the request ended stops the request', async () => {
  const authority = await start((stream) => {
    stream.respond({ ':status': 413 });
    stream.end('too much');
  });
  const agent = await agentOf(authority);
  const stream = agent.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => {});
  stream.write('begin');
  const status = await new Promise((resolve) => stream.on('response', (head) => resolve(head[':status'])));
  expect(status).toBe(413);
  stream.resume();
  await new Promise((resolve) => stream.on('close', resolve));
  expect((await ask(agent, { ':path': '/' })).status).toBe(413);
});

test('a cut stream is reset, and its connection goes on', async () => {
  const authority = await start((stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] === '/short') stream.end('done');
    else stream.write('begin');
  });
  const agent = await agentOf(authority);
  const long = agent.request({ ':path': '/long' });
  long.on('error', () => {});
  await new Promise((resolve) => long.once('data', resolve));
  world.client.revoke({ id: '1', target: 2, name: 'agent-calls-api', at: undefined, lifted: false });
  await new Promise((resolve) => long.on('close', resolve));
  expect(long.rstCode).not.toBe(0);
  expect((await ask(agent, { ':path': '/short' })).body.toString()).toBe('done');
  await until('the call is recorded', () =>
    world.client.records.some(({ path, reason }) => path === '/long' && reason === 11),
  );
});

test('a stream that the agent gives up is given up upstream', async () => {
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => (closed = resolve));
  const authority = await start((stream) => {
    stream.on('close', closed);
    stream.respond({ ':status': 200 });
    stream.write('begin');
  });
  const long = (await agentOf(authority)).request({ ':path': '/long' });
  long.on('error', () => {});
  await new Promise((resolve) => long.once('data', resolve));
  long.close(8);
  await gone;
  await until('the call is recorded', () => world.client.records.some(({ reason }) => reason === 63));
});

test('a slow agent holds the upstream back, and loses nothing', async () => {
  const body = randomBytes(6_000_000);
  let written = 0;
  const authority = await start((stream) => {
    stream.respond({ ':status': 200 });
    let at = 0;
    const more = (): void => {
      while (at < body.length) {
        const piece = body.subarray(at, (at += 16_384));
        written += piece.length;
        if (!stream.write(piece)) return void stream.once('drain', more);
      }
      stream.end();
    };
    more();
  });
  const stream = (await agentOf(authority)).request({ ':path': '/' });
  await new Promise((resolve) => stream.once('response', resolve));
  stream.pause();
  let last = -1;
  await until('the upstream waits', () => {
    const still = written === last;
    last = written;
    return still && written > 0;
  });
  expect(written).toBeLessThan(body.length);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).equals(body)).toBe(true);
});

test('an upstream that leaves once it has said all takes nothing from a slow agent', async () => {
  const body = randomBytes(200_000);
  const authority = await start((stream) => {
    stream.respond({ ':status': 200 });
    stream.end(body);
    stream.session?.close();
  });
  const stream = (await agentOf(authority)).request({ ':path': '/' });
  await new Promise((resolve) => stream.once('response', resolve));
  stream.pause();
  await until('the upstream has left', () => upstream.sessions.size === 0);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).equals(body)).toBe(true);
});

test('a proxy with a stream that nobody reads still closes', async () => {
  const authority = await start((stream) => {
    stream.respond({ ':status': 200 });
    stream.end(randomBytes(6_000_000));
  });
  const stream = (await agentOf(authority)).request({ ':path': '/' });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('response', resolve));
  stream.pause();
  await world.proxy.close(50);
});
