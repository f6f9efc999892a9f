import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import { HOSTS, type ProxyWorld, routeTo, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { startWebSocketHttp2, type WebSocketHttp2Server } from '../../support/upstreams/websocket-http2-server.ts';
import { webSocketOver } from '../../support/upstreams/websocket-over-stream.ts';

/** permessage-deflate (RFC 7692) on streams of HTTP/2 (RFC 8441), `ws` at both ends. */
const MASKED = '*'.repeat(SECRET.length);
const OFFER = 'permessage-deflate; client_max_window_bits';

let world: ProxyWorld;
let server: WebSocketHttp2Server;
const ended: (() => void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) end();
  await world.close();
  await server.close();
});

async function start(): Promise<void> {
  server = await startWebSocketHttp2(HOSTS, { deflates: true });
  const { port, caPem } = server;
  world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
  });
}

/** `ws` on a stream of HTTP/2. */
async function openOverHttp2(): Promise<WebSocket> {
  const { tls } = await world.tlsAgent('localhost', server.port, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `localhost:${server.port}`);
  ended.push(() => session.destroy());
  await once(session, 'remoteSettings');
  const opening = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/feed', 'sec-websocket-version': '13' };
  const stream = session.request({ ...opening, 'sec-websocket-extensions': OFFER }, { endStream: false });
  const [head] = (await once(stream, 'response')) as [Record<string, string | undefined>];
  expect(head['sec-websocket-extensions']).toBe('permessage-deflate');
  return webSocketOver(stream, 'client', head['sec-websocket-extensions']);
}

/** `ws` over HTTP/1.1. */
async function openOverHttp1(): Promise<WebSocket> {
  const { tls } = await world.tlsAgent('localhost', server.port, { ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://localhost:${server.port}/feed`, { createConnection: () => tls });
  await once(socket, 'open');
  expect(socket.extensions).toBe('permessage-deflate');
  return socket;
}

test.each([
  ['HTTP/2', openOverHttp2],
  ['HTTP/1.1', openOverHttp1],
])('an agent of %s: messages pass, the secret does not, a revocation closes with 1008', async (_version, open) => {
  await start();
  const socket = await open();
  ended.push(() => socket.terminate());
  for (let turn = 0; turn < 10; turn += 1) {
    socket.send(`hello ${turn} €`);
    const [answer] = (await once(socket, 'message')) as [Buffer];
    expect(answer.toString()).toBe(`Bearer ${MASKED} hello ${turn} €`);
  }
  const big = Buffer.from(Array.from({ length: 900_000 }, (_, at) => (at * at) % 251));
  socket.send(big);
  const [echo] = (await once(socket, 'message')) as [Buffer];
  expect(echo.equals(big)).toBe(true);
  expect(server.seen[0]?.['sec-websocket-extensions']).toContain('permessage-deflate');
  const closed = once(socket, 'close');
  world.client.revoke({ id: '1', target: 3, name: 'api-token', at: undefined, lifted: false });
  const [code, reason] = (await closed) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([1008, 'credential-revoked']);
});
