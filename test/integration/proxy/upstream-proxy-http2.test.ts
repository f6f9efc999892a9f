import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TlsMode } from '../../../proto/gen/sidekey/v1/route.ts';
import { afterwards, keep, startWorld } from '../../support/worlds/chained-world.ts';
import { CORPORATE_KINDS } from '../../support/upstreams/corporate-kinds.ts';
import type { CorporateProxy } from '../../support/upstreams/corporate-proxies.ts';
import { grpcClient, startGrpcEcho } from '../../support/upstreams/grpc-echo.ts';
import { ask, http2Agent } from '../../support/agents/http2-agent.ts';
import { startHttp2Upstream } from '../../support/upstreams/http2-upstream.ts';
import { type ProxyWorld, route, SECRET } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';
import { startWebSocketHttp2 } from '../../support/upstreams/websocket-http2-server.ts';

const MASKED = '*'.repeat(SECRET.length);

// HTTP/2 and gRPC to the upstream, inside a tunnel of a real proxy.
describe.each(CORPORATE_KINDS)('through $name', ({ present, start }) => {
  async function startChained(upstream: {
    port: number;
    caPem: string;
  }): Promise<{ proxy: CorporateProxy; world: ProxyWorld }> {
    const { proxy, url, caPem } = await start();
    keep(proxy);
    const tls = { mode: TlsMode.TLS_MODE_VERIFY, caPem: upstream.caPem, serverName: '' };
    const world = await startWorld(url, undefined, {
      ...(caPem === undefined ? {} : { config: { upstreamCaPem: caPem } }),
      routes: () => [route({ hosts: ['localhost'], ports: [upstream.port], tls })],
    });
    return { proxy, world };
  }

  test.skipIf(!present)('a burst of HTTP/2 calls shares one tunnel, bodies of 2 MB included', async () => {
    const upstream = await startHttp2Upstream(['localhost'], (stream, headers) => {
      stream.respond({ ':status': 200, 'x-saw': String(headers[':path']) });
      stream.pipe(stream);
    });
    afterwards(() => upstream.close());
    const { proxy, world } = await startChained(upstream);
    const { tls } = await world.tlsAgent('localhost', upstream.port, { ALPNProtocols: ['h2'] });
    const agent = http2Agent(tls, `localhost:${upstream.port}`);
    afterwards(() => agent.destroy());
    const body = randomBytes(2_000_000);
    const bodies = Array.from({ length: 12 }, (_, at) => (at % 6 === 0 ? body : Buffer.from(`body ${at}`)));
    const answers = await Promise.all(
      bodies.map((sent, at) => ask(agent, { ':method': 'POST', ':path': `/${at}` }, sent)),
    );
    expect(answers.map(({ status, headers }) => [status, headers['x-saw']])).toEqual(
      bodies.map((_, at) => [200, `/${at}`]),
    );
    for (const [at, { body: came }] of answers.entries()) expect(came.equals(bodies[at] ?? body)).toBe(true);
    expect(new Set(upstream.seen.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${SECRET}`]));
    expect(upstream.connections()).toBe(1);
    for (const session of upstream.sessions) session.destroy();
    const named = new RegExp(`(?:localhost|127\\.0\\.0\\.1):${upstream.port}`);
    await until('the proxy tells of the tunnel', () => named.test(proxy.log()));
  });

  test.skipIf(!present)('gRPC, unary and both ways at once', async () => {
    const server = await startGrpcEcho(['localhost']);
    afterwards(() => server.close());
    const { world } = await startChained(server);
    process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
    const client = grpcClient(`localhost:${server.port}`, world.proxy.caPem ?? '');
    delete process.env['grpc_proxy'];
    afterwards(() => client.close());
    const echoed = await new Promise((resolve, reject) => {
      client['unary']?.(Buffer.from('echo'), (error: ServiceError | null, value?: Buffer) =>
        error === null ? resolve(String(value)) : reject(error),
      );
    });
    expect(echoed).toBe(`Bearer ${MASKED}`);
    const chat: ClientDuplexStream<Buffer, Buffer> = client['chat']?.();
    for (const turn of ['one', 'two']) {
      const answer = new Promise<Buffer>((resolve) => chat.once('data', resolve));
      chat.write(Buffer.from(turn));
      expect(String(await answer)).toBe(`re: ${turn}`);
    }
    chat.end();
    await new Promise((resolve) => chat.once('end', resolve));
  });

  test.skipIf(!present)('WebSockets over HTTP/2', async () => {
    const server = await startWebSocketHttp2(['localhost']);
    afterwards(() => server.close());
    const { world } = await startChained(server);
    const { tls } = await world.tlsAgent('localhost', server.port, { ALPNProtocols: ['http/1.1'] });
    const socket = new WebSocket(`wss://localhost:${server.port}/feed`, { createConnection: () => tls });
    afterwards(() => socket.terminate());
    await once(socket, 'open');
    socket.send('hello');
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(message.toString()).toBe(`Bearer ${MASKED} hello`);
    expect(server.seen[0]?.[':protocol']).toBe('websocket');
  });
});
