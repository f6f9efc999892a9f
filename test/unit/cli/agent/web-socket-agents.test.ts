import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createTunnelAgents } from '../../../../cli/agent/tunnel-agent.ts';
import { giveWebSocketsDefaultAgent } from '../../../../cli/agent/web-socket-agents.ts';

// `ws` is what OpenAI's realtime client, Gemini's Live API and most of Node open WebSockets with.
describe('giveWebSocketsDefaultAgent', () => {
  const before = [http, https].map(({ request, get, globalAgent }) => ({ request, get, globalAgent }));
  const tunnels: string[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const proxy = http.createServer().on('connect', (request, socket) => {
    tunnels.push(String(request.url));
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const onward = net.connect(portOf(server), '127.0.0.1');
    for (const end of [socket, onward]) end.on('error', () => {});
    socket.pipe(onward).pipe(socket);
  });

  beforeAll(async () => {
    server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const agents = createTunnelAgents(`http://127.0.0.1:${portOf(proxy)}`);
    http.globalAgent = agents.http;
    https.globalAgent = agents.https;
    giveWebSocketsDefaultAgent();
  });
  afterEach(() => tunnels.splice(0));
  afterAll(async () => {
    for (const agent of [http.globalAgent, https.globalAgent]) agent.destroy();
    for (const [index, module] of [http, https].entries()) Object.assign(module, before[index]);
    for (const client of server.clients) client.terminate();
    await Promise.all([server, proxy].map((one) => new Promise((resolve) => one.close(resolve))));
  });

  function echo(url: string, options: { agent?: http.Agent } = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, options);
      socket.on('error', reject);
      socket.on('open', () => socket.send('hello'));
      socket.on('message', (data: Buffer) => {
        socket.close();
        resolve(data.toString());
      });
    });
  }

  it('sends an opening of `ws` through the proxy', async () => {
    expect(await echo('ws://realtime.example.com/v1')).toBe('hello');
    expect(tunnels).toEqual(['realtime.example.com:80']);
  });

  it('and one over TLS', async () => {
    await expect(echo('wss://realtime.example.com:8443/v1')).rejects.toThrow();
    expect(tunnels).toEqual(['realtime.example.com:8443']);
  });

  it.each(['127.0.0.1', 'localhost'])('leaves one to %s alone', async (host) => {
    expect(await echo(`ws://${host}:${portOf(server)}/`)).toBe('hello');
    expect(tunnels).toEqual([]);
  });

  it('leaves one with an agent of its own alone', async () => {
    const agent = new http.Agent({
      lookup: (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    expect(await echo(`ws://realtime.example.com:${portOf(server)}/`, { agent })).toBe('hello');
    expect(tunnels).toEqual([]);
    agent.destroy();
  });

  it('leaves other requests with a way of their own alone', async () => {
    const status = await new Promise((resolve, reject) => {
      const createConnection = (): net.Socket => net.connect(portOf(server), '127.0.0.1');
      const call = http.get({ host: 'docker.example.com', createConnection }, (answer) => resolve(answer.statusCode));
      call.on('error', reject);
    });
    expect(status).toBe(426);
    expect(tunnels).toEqual([]);
  });
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
