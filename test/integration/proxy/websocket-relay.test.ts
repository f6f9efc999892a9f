import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { runProcess } from '../../support/process.ts';
import { startWebSocketProxy, type WebSocketProxy } from '../../support/websocket-proxy.ts';

// The server is `ws`, the clients are `ws` and Python's websockets: nobody here wrote them.
const PYTHON = '/usr/bin/python3';
const HAS_WEBSOCKETS = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0;
const SECRET = 'sk-live-4f9a+Zq/7Kc=81xYtWm';
const MASKED = '*'.repeat(SECRET.length);

const ended: (() => void)[] = [];
afterEach(() => ended.splice(0).forEach((end) => end()));

async function startWorld(secret: string | undefined, perMessageDeflate: boolean): Promise<WebSocketProxy> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: perMessageDeflate && { threshold: 0 },
  });
  await once(server, 'listening');
  server.on('connection', (socket, request) => {
    // Gives away what it was sent, as a bad upstream does, and echoes.
    socket.on('error', () => socket.terminate());
    socket.on('message', (bytes: Buffer, binary) => {
      socket.send(binary ? bytes : `${request.headers.authorization ?? 'none'} ${bytes.toString()}`, { binary });
    });
  });
  const proxy = await startWebSocketProxy((server.address() as AddressInfo).port, secret);
  ended.push(() => {
    proxy.close();
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return proxy;
}

async function connect(proxy: WebSocketProxy, perMessageDeflate: boolean): Promise<WebSocket> {
  const socket = new WebSocket(proxy.url, { perMessageDeflate });
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
  test('ws to ws: messages pass, the secret does not', async () => {
    const proxy = await startWorld(SECRET, compressed);
    const socket = await connect(proxy, compressed);
    expect(socket.extensions).toBe(compressed ? 'permessage-deflate' : '');
    for (let turn = 0; turn < 20; turn += 1) {
      expect((await ask(socket, `hello ${turn} €`)).toString()).toBe(`Bearer ${MASKED} hello ${turn} €`);
    }
    const big = Buffer.from(Array.from({ length: 300_000 }, (__, at) => (at * at) % 251));
    expect((await ask(socket, big)).equals(big)).toBe(true);
    socket.ping(SECRET);
    const [pong] = (await once(socket, 'pong')) as [Buffer];
    expect(pong.toString()).toBe(MASKED);
    socket.close(4000, 'bye');
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4000);
    expect(proxy.relay()).toMatchObject({
      ending: { by: 'handshake' },
      messagesFromAgent: 21,
      messagesFromUpstream: 21,
    });
  });

  test('ws to ws without a secret', async () => {
    const socket = await connect(await startWorld(undefined, compressed), compressed);
    expect((await ask(socket, 'x'.repeat(100_000))).toString()).toBe(`none ${'x'.repeat(100_000)}`);
  });

  test('a cut closes the agent with 1008 and the reason', async () => {
    const proxy = await startWorld(SECRET, compressed);
    const socket = await connect(proxy, compressed);
    await ask(socket, 'one');
    const closed = once(socket, 'close');
    proxy.cut('credential-revoked');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([1008, 'credential-revoked']);
  });

  test.skipIf(!HAS_WEBSOCKETS)('Python websockets to ws (skipped without python3-websockets)', async () => {
    const proxy = await startWorld(SECRET, compressed);
    const script = `
import asyncio, websockets
async def main():
    async with websockets.connect("${proxy.url}", compression=${compressed ? '"deflate"' : 'None'}) as ws:
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
