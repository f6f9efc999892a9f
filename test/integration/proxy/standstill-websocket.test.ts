import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type PerMessageDeflateOptions, WebSocket, WebSocketServer } from 'ws';
import { HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../../support/worlds/proxy-world.ts';
import { until } from '../../support/until.ts';

// What is held back because it may begin a secret holds up nothing that has come whole, `ws` at both ends.

/** From 8 characters on it is masked, whatever follows. */
const PREFIX = SECRET.slice(0, 7);
const BEGINNING = `words and ${PREFIX}`;
const DEFLATES: Readonly<Record<string, boolean | PerMessageDeflateOptions>> = {
  'as they are': false,
  'deflated, with context takeover': { threshold: 0 },
  'deflated, each for itself': { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
};

let world: ProxyWorld;
let server: http.Server;
const ended: (() => void)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) end();
  await world.close();
  server.close();
  server.closeAllConnections();
});

/** Both ends of one WebSocket through the proxy. */
async function open(
  perMessageDeflate: boolean | PerMessageDeflateOptions,
): Promise<[agent: WebSocket, far: WebSocket]> {
  server = http.createServer();
  const opened = new Promise<WebSocket>((resolve) =>
    new WebSocketServer({ server, perMessageDeflate }).on('connection', resolve),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  world = await startProxyWorld({ routes: () => [route({ hosts: [...HOSTS], ports: [port] })] });
  const { socket } = await world.agent();
  socket.removeAllListeners('data');
  const at = `localhost:${port}`;
  const connected = new Promise((resolve) => socket.once('data', resolve));
  socket.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
  await connected;
  const agent = new WebSocket(`ws://${at}/`, { createConnection: () => socket, perMessageDeflate });
  const far = await opened;
  for (const end of [agent, far]) {
    end.on('error', () => {});
    ended.push(() => end.terminate());
  }
  await until('it is open', () => agent.readyState === WebSocket.OPEN);
  return [agent, far];
}

describe.each(Object.entries(DEFLATES))('messages %s', (_, deflate) => {
  test.each(['from the upstream', 'from the agent'])('%s', async (direction) => {
    const [agent, far] = await open(deflate);
    const [says, hears] = direction === 'from the upstream' ? [far, agent] : [agent, far];
    const heard: string[] = [];
    hears.on('message', (bytes: Buffer) => heard.push(bytes.toString()));
    hears.on('ping', (bytes: Buffer) => heard.push(`ping ${bytes.toString()}`));
    says.on('pong', (bytes: Buffer) => heard.push(`pong ${bytes.toString()}`));
    const next = async (...expected: string[]): Promise<void> => {
      await until(`${expected.join()} after ${heard.join()}`, () => heard.length >= expected.length);
      expect(heard.splice(0)).toEqual(expected);
    };
    // Its end shows that no secret follows.
    for (let turn = 0; turn < 3; turn += 1) {
      says.send(BEGINNING);
      await next(BEGINNING);
    }
    // A control frame passes the fragment that is held, and is answered, before the rest is there.
    says.send(BEGINNING, { fin: false });
    says.ping('1');
    await next('ping 1', 'pong 1');
    says.send('', { fin: false });
    says.send(' and nothing', { fin: true });
    await next(`${BEGINNING} and nothing`);
    says.send('', { fin: false });
    says.send('', { fin: true });
    await next('');
    // A message of one fragment a byte, with a ping between each two.
    for (const [at, letter] of [...PREFIX].entries()) {
      says.send(letter, { fin: at === PREFIX.length - 1 });
      if (at < PREFIX.length - 1) says.ping(String(at));
    }
    await until('all is here', () => heard.includes(PREFIX));
    await until('all is answered', () => heard.filter((what) => what.startsWith('pong')).length === PREFIX.length - 1);
  });

  test('a secret over two fragments, a ping between them, is masked', async () => {
    const [agent, far] = await open(deflate);
    const heard: string[] = [];
    agent.on('message', (bytes: Buffer) => heard.push(bytes.toString()));
    far.send(`a ${PREFIX}`, { fin: false });
    far.ping();
    far.send(`${SECRET.slice(PREFIX.length)} b`, { fin: true });
    await until('it is here', () => heard.length > 0);
    expect(heard).toEqual([`a ${'*'.repeat(SECRET.length)} b`]);
  });

  test('a side that ends in a fragment ends the other side', async () => {
    const [agent, far] = await open(deflate);
    let code = 0;
    agent.on('close', (number) => (code = number));
    far.send(BEGINNING, { fin: false });
    far.ping();
    await new Promise((resolve) => agent.once('ping', resolve));
    far.terminate();
    await until('the agent is told', () => code !== 0);
    expect(code).toBe(1014);
  });
});
