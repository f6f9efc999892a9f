import type http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { grpcClient, startGrpcEcho } from '../support/upstreams/grpc-echo.ts';
import { startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { http2Session, tunnel } from '../support/agents/proxied-agent.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { until } from '../support/until.ts';
import { World } from '../support/worlds/world.ts';
import { LOOPBACK } from '../support/worlds/world-policy.ts';

// The control plane goes and comes back in the middle of a call of each protocol: the call goes on, a revocation made right
// after the return ends it, and its record arrives once.

const TICK_MS = 50;
const HOSTS = ['localhost'];

/** A call that hears something as long as it lives. */
interface LongCall {
  heard: number;
  /** How it ended, in its protocol's words. */
  ended: string | undefined;
}

let world: World;
const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function tick(say: () => unknown): () => void {
  const timer = setInterval(say, TICK_MS);
  ends.push(() => clearInterval(timer));
  return () => clearInterval(timer);
}

/** Events to HTTP/1.1, and a WebSocket. */
async function startHttp1(): Promise<{ port: number; caPem: string }> {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  const server = https.createServer({ key, cert }, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.on(
      'close',
      tick(() => response.write('data: x\n\n')),
    );
  });
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on(
      'close',
      tick(() => socket.send('x')),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, caPem };
}

beforeAll(async () => {
  const http1 = await startHttp1();
  const http2Upstream = await startHttp2Upstream(HOSTS, (stream) => {
    stream.respond({ ':status': 200 });
    stream.on(
      'close',
      tick(() => stream.write('x')),
    );
  });
  const grpc = await startGrpcEcho(HOSTS);
  ends.push(
    () => http2Upstream.close(),
    () => grpc.close(),
  );
  const local = [{ at: { host: '127.0.0.1', port: 0 }, upstream: { host: 'localhost', port: http1.port } }];
  world = await World.start({
    failMode: { type: 'stale', maxAgeSeconds: 600 },
    persistent: true,
    proxy: { local },
  });
  ends.push(() => world.close());
  const upstreams = { http1, http2: http2Upstream, grpc };
  for (const [name, { port, caPem }] of Object.entries(upstreams)) {
    const tls = { mode: 'verify', ca: caPem };
    await world.apply(
      ['ServerWorkload', name, { hosts: HOSTS, ports: [port], tls, allowedAddresses: LOOPBACK }],
      [
        'AccessPolicy',
        `agent-uses-${name}`,
        {
          clientWorkload: 'agent',
          serverWorkload: name,
          trust: ['world'],
          failMode: { type: 'stale', maxAgeSeconds: 600 },
        },
      ],
    );
  }
  await until('the proxy knows the routes', () => world.proxy.client.routes().length === 4, 20_000);
  Object.assign(PORTS, { http1: http1.port, http2: http2Upstream.port, grpc: grpc.port });
}, 300_000);
const PORTS = { http1: 0, http2: 0, grpc: 0 };

const place = (): { port: number; caPem: string } => ({
  port: world.proxy.address.port,
  caPem: world.proxy.caPem ?? '',
});

const CALLS: Readonly<Record<string, (call: LongCall) => Promise<unknown>>> = {
  '/http1': async (call) => {
    const socket = await tunnel(place(), 'localhost', PORTS.http1, 'http/1.1');
    socket.on('data', () => (call.heard += 1));
    socket.on('close', () => (call.ended = 'closed'));
    socket.write(`GET /http1 HTTP/1.1\r\nHost: localhost:${PORTS.http1}\r\n\r\n`);
  },
  // The listener for one upstream, in the clear.
  '/local': async (call) => {
    const socket = net.connect(world.proxy.localAddresses[0]?.port ?? 0, '127.0.0.1');
    ends.push(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', () => (call.heard += 1));
    socket.on('close', () => (call.ended = 'closed'));
    socket.write('GET /local HTTP/1.1\r\nHost: localhost\r\n\r\n');
  },
  '/web-socket': async (call) => {
    const secured = await tunnel(place(), 'localhost', PORTS.http1, 'http/1.1');
    const socket = new WebSocket(`wss://localhost:${PORTS.http1}/web-socket`, { createConnection: () => secured });
    socket.on('error', () => {});
    socket.on('message', () => (call.heard += 1));
    socket.on('close', (code, reason) => (call.ended = `${code} ${reason.toString()}`));
  },
  '/http2': async (call) => {
    const session = await http2Session(place(), 'localhost', PORTS.http2);
    const stream: http2.ClientHttp2Stream = session.request({ ':path': '/http2' });
    stream.on('error', () => {});
    stream.on('data', () => (call.heard += 1));
    stream.on('close', () => (call.ended = `reset ${stream.rstCode}`));
  },
  '/echo.Echo/Chat': async (call) => {
    process.env['grpc_proxy'] = `http://127.0.0.1:${world.proxy.address.port}`;
    const client = grpcClient(`localhost:${PORTS.grpc}`, world.proxy.caPem ?? '');
    delete process.env['grpc_proxy'];
    ends.push(() => client.close());
    const chat = client['chat']?.();
    const stop = tick(() => chat.write(Buffer.from('x')));
    chat.on('data', () => (call.heard += 1));
    chat.on('error', ({ code, details }: { code: number; details: string }) => {
      stop();
      call.ended = `${code} ${details.split(':', 1)[0]}`;
    });
  },
};

it('calls of each protocol go on, are revoked in time afterwards, and recorded once', async () => {
  const calls: Record<string, LongCall> = {};
  for (const [path, begin] of Object.entries(CALLS)) {
    const call: LongCall = (calls[path] = { heard: 0, ended: undefined });
    await begin(call);
    await until(`${path} runs`, () => call.heard > 2, 20_000);
  }
  /** Each of them hears more than it had. */
  const goOn = async (when: string): Promise<void> => {
    const before = Object.values(calls).map(({ heard }) => heard);
    const all = (): boolean => Object.values(calls).every(({ heard }, at) => heard > (before[at] ?? 0) + 2);
    await until(`all go on ${when}: ${JSON.stringify(calls)}`, all, 20_000);
  };
  await world.stopControlPlane();
  await until('the proxy notices', () => !world.proxy.client.connected, 20_000);
  await goOn('without a control plane');
  await world.startControlPlaneAgain();
  await world.revoke('workload', 'agent');
  const uncut = (): string[] => Object.keys(calls).filter((path) => calls[path]?.ended === undefined);
  await expect.poll(uncut, { timeout: 60_000 }).toEqual([]);
  expect(calls).toMatchObject({
    '/http1': { ended: 'closed' },
    '/local': { ended: 'closed' },
    '/web-socket': { ended: '1008 workload-revoked' },
    '/http2': { ended: 'reset 2' },
    '/echo.Echo/Chat': { ended: '7 workload-revoked' },
  });
  const records = async (): Promise<unknown[]> => {
    const { body } = await world.rest('GET', '/v1/decisions');
    const { decisions } = body as { decisions: { path: string; outcome: string; reason: string }[] };
    return decisions.map(({ path, outcome, reason }) => `${path} ${outcome} ${reason}`).toSorted();
  };
  const wanted = Object.keys(CALLS)
    .map((path) => `${path} failed workload-revoked`)
    .toSorted();
  await expect.poll(records, { timeout: 20_000 }).toEqual(wanted);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await records()).toEqual(wanted);
  expect((await world.rest('GET', '/v1/verify-log')).body).toMatchObject({ ok: true });
}, 180_000);
