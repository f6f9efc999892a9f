import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { http2Agent } from '../../support/agents/http2-agent.ts';
import { runProcess } from '../../support/process.ts';
import {
  bearer,
  denial,
  grant,
  HOSTS,
  type ProxyWorld,
  routeTo,
  SECRET,
  startProxyWorld,
} from '../../support/worlds/proxy-world.ts';
import { makeTlsIdentity } from '../../support/tls-identity.ts';
import { until } from '../../support/until.ts';

// The server is `ws`, the clients are `ws` and Python's websockets: nobody here wrote them.
const PYTHON = '/usr/bin/python3';
const HAS_WEBSOCKETS = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0;
const MASKED = '*'.repeat(SECRET.length);

let world: ProxyWorld;
let server: https.Server;
const ended: (() => void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) end();
  await world.close();
  server.closeAllConnections();
  server.close();
});

async function start(perMessageDeflate: boolean): Promise<number> {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  server = https.createServer({ key, cert });
  const sockets = new WebSocketServer({ server, perMessageDeflate: perMessageDeflate && { threshold: 0 } });
  sockets.on('connection', (socket, request) => {
    // Gives away what it was sent, as a bad upstream does, and echoes.
    socket.on('error', () => socket.terminate());
    socket.on('message', (bytes: Buffer, binary) => {
      socket.send(binary ? bytes : `${request.headers.authorization ?? 'none'} ${bytes.toString()}`, { binary });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  ended.push(() => {
    for (const client of sockets.clients) client.terminate();
  });
  world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
  });
  return port;
}

async function connect(port: number, perMessageDeflate: boolean): Promise<WebSocket> {
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://localhost:${port}/feed`, { perMessageDeflate, createConnection: () => tls });
  ended.push(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function ask(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  socket.send(message);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  return answer;
}

describe.each([
  ['compressed', true],
  ['uncompressed', false],
])('%s', (_, compressed) => {
  test('ws to ws: messages pass, the secret does not, and the call is recorded once', async () => {
    const socket = await connect(await start(compressed), compressed);
    expect(socket.extensions).toBe(compressed ? 'permessage-deflate' : '');
    for (let turn = 0; turn < 20; turn += 1) {
      expect((await ask(socket, `hello ${turn} €`)).toString()).toBe(`Bearer ${MASKED} hello ${turn} €`);
    }
    const big = Buffer.from(Array.from({ length: 900_000 }, (__, at) => (at * at) % 251));
    expect((await ask(socket, big)).equals(big)).toBe(true);
    socket.ping(SECRET);
    const [pong] = (await once(socket, 'pong')) as [Buffer];
    expect(pong.toString()).toBe(MASKED);
    socket.close(4000, 'bye');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4000);
    await until('the call is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([{ method: 'GET', path: '/feed', reason: 1, outcome: 1 }]);
    expect(world.client.records[0]?.scrubbed).toBeGreaterThanOrEqual(20);
  });

  /** Revoking the credential closes it, and is in its record. */
  async function expectRevoked(socket: WebSocket): Promise<void> {
    const closed = once(socket, 'close');
    world.client.revoke({ id: '1', target: 3, name: 'api-token', at: undefined, lifted: false });
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, 'credential-revoked']);
    await until('the call is recorded', () => world.client.records.length > 0);
    expect(world.client.records).toMatchObject([{ reason: 12, outcome: 3 }]);
  }

  test('A-61 a revoked socket is closed with 1008 and the reason', async () => {
    const socket = await connect(await start(compressed), compressed);
    await ask(socket, 'one');
    await expectRevoked(socket);
  });

  test('A-61 revoking the credential that was injected closes a socket that stands on a later grant', async () => {
    const socket = await connect(await start(compressed), compressed);
    await ask(socket, 'one');
    let asked = 0;
    world.client.decide = (question) => {
      asked += 1;
      return grant(question, bearer('another-credential'), { credentialProviders: ['other-token'] });
    };
    world.client.setRoutes([...world.client.routes()]);
    await until('the running call was decided again', () => asked === 1);
    await ask(socket, 'two');
    await expectRevoked(socket);
  });

  test.skipIf(!HAS_WEBSOCKETS)('Python websockets (skipped without python3-websockets)', async () => {
    const port = await start(compressed);
    const folder = mkdtempSync(join(tmpdir(), 'sidekey-ws-'));
    ended.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'ca.pem'), world.proxy.caPem ?? '');
    const script = `
import asyncio, socket, ssl, websockets
def tunnel():
    s = socket.create_connection(("127.0.0.1", ${world.proxy.address.port}))
    s.sendall(b"CONNECT localhost:${port} HTTP/1.1\\r\\nHost: localhost:${port}\\r\\n\\r\\n")
    while b"\\r\\n\\r\\n" not in s.recv(4096): pass
    s.setblocking(False)
    return s
async def main():
    context = ssl.create_default_context(cafile="${join(folder, 'ca.pem')}")
    async with websockets.connect("wss://localhost:${port}/", sock=tunnel(), ssl=context, server_hostname="localhost", compression=${compressed ? '"deflate"' : 'None'}) as ws:
        for turn in range(5):
            await ws.send("hello %d" % turn)
            print(await ws.recv())
        await ws.send(b"x" * 200000)
        print(len(await ws.recv()))
asyncio.run(main())`;
    const { stdout, stderr } = await runProcess([PYTHON, '-c', script], { PATH: process.env['PATH'] });
    expect(stderr).toBe('');
    const lines = Array.from({ length: 5 }, (__, turn) => `Bearer ${MASKED} hello ${turn}`);
    expect(stdout.trim().split('\n')).toEqual([...lines, '200000']);
  });
});

test('RFC 8441: a stream of HTTP/2 opens a WebSocket, and closes as one', async () => {
  const port = await start(false);
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['h2'] });
  const session = http2Agent(tls, `localhost:${port}`);
  await once(session, 'remoteSettings');
  expect(session.remoteSettings.enableConnectProtocol).toBe(true);
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/feed', 'sec-websocket-version': '13' },
    { endStream: false },
  );
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(head[':status']).toBe(200);
  // A text frame "hi" and a Close frame, both masked with zeros (RFC 6455 5.2).
  stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  const [message] = (await once(stream, 'data')) as [Buffer];
  expect(message.subarray(2).toString()).toBe(`Bearer ${MASKED} hi`);
  stream.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
  const [close] = (await once(stream, 'data')) as [Buffer];
  expect([...close]).toEqual([0x88, 2, 0x03, 0xe8]);
  await once(stream, 'end');
  session.destroy();
  await until('the call is recorded', () => world.client.records.length > 0);
  expect(world.client.records).toMatchObject([{ method: 'GET', reason: 1 }]);
});

test('an opening that policy denies, or that is no WebSocket, is refused and opens nothing upstream', async () => {
  const port = await start(false);
  world.client.decide = () => denial('rule-denied');
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://localhost:${port}/`, { createConnection: () => tls });
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(403);
  socket.on('error', () => {});
  socket.terminate();
  const { agent } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  const other = await agent.exchange(
    `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  expect([other.status, JSON.parse(other.body.toString()).code]).toEqual([403, 'upgrade-refused']);
});

test('a server that refuses the opening is answered as any other', async () => {
  const port = await start(false);
  server.removeAllListeners('upgrade');
  server.on('request', (_, response) => response.writeHead(426, { 'content-length': '2' }).end('no'));
  const { tls } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  const socket = new WebSocket(`wss://localhost:${port}/`, { createConnection: () => tls });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(426);
  socket.terminate();
});
