import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { playCutCalls } from '../support/worlds/cut-calls.ts';
import { HOSTS, type ProxyWorld, routeTo, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { seededRandom } from '../support/random.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';

/** Many WebSockets at once, cut by either side at any point: none hears another or the secret, each has one record, none stays. */
const WORKERS = 12;

const seed = FUZZ_SEED;
const random = seededRandom(seed);
const soon = (act: () => void): void => void setTimeout(act, random.below(30));
let world: ProxyWorld;
let server: https.Server;
let port: number;
let opened = 0;
let heard = 0;
const faults: string[] = [];

const ofId = (id: number | string): string => `#${String(id).padStart(7, '0')}#`;
const bodyOf = (id: number | string): string => ofId(id).repeat(random.pick([0, 1, 20, 1_000, 9_000]));

function check(who: string, id: number | string, bytes: Buffer): void {
  heard += 1;
  for (const [owner] of bytes.toString('latin1').matchAll(/#\d{7}#/g))
    if (owner !== ofId(id)) faults.push(`${who} of ${id} heard ${owner}`);
}

/** Echoes, tells the secret, speaks unasked, and goes away as it likes. */
function serve(socket: WebSocket, request: IncomingMessage): void {
  const id = request.url?.slice(1) ?? '';
  socket.on('error', () => {});
  socket.on('message', (bytes: Buffer, binary) => {
    check('the upstream', id, bytes);
    socket.send(binary ? bytes : `${request.headers.authorization ?? ''}${bytes.toString()}`, {
      binary,
      compress: random.below(2) === 0,
    });
    if (random.below(4) === 0) for (let times = 0; times < 20; times += 1) socket.send(bodyOf(id));
    if (random.below(4) === 0) socket.ping(SECRET);
    if (random.below(10) === 0) socket.send(Buffer.from(bodyOf(id)), { fin: false });
  });
  switch (random.below(6)) {
    case 0:
      return soon(() => socket.terminate());
    case 1:
      return soon(() => socket.close(random.pick([1000, 1011, 4000]), SECRET));
    case 2:
      return soon(() => request.socket.destroy());
    default:
  }
}

async function talk(): Promise<void> {
  const id = (opened += 1);
  const { tls, agent } = await world.tlsAgent('localhost', port, { ALPNProtocols: ['http/1.1'] });
  tls.removeAllListeners('data');
  const perMessageDeflate = random.below(2) === 0;
  const url = `wss://localhost:${port}/${id}`;
  const socket = new WebSocket(url, { perMessageDeflate, createConnection: () => tls, handshakeTimeout: 20_000 });
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  for (const said of ['message', 'ping', 'pong']) {
    socket.on(said, (bytes: Buffer) => {
      check('the agent', id, bytes);
      if (bytes.includes(SECRET)) faults.push(`the agent of ${id} heard the secret`);
    });
  }
  socket.on('close', (_code: number, reason: Buffer) => {
    if (reason.includes(SECRET)) faults.push(`the agent of ${id} was told the secret`);
  });
  socket.on('open', () => {
    for (let left = random.below(8); left > 0; left -= 1) {
      if (random.below(4) === 0) socket.ping(`${id}`);
      const body = bodyOf(id);
      socket.send(random.below(2) === 0 ? body : Buffer.from(body));
    }
    if (random.below(4) === 0) {
      tls.pause();
      soon(() => tls.resume());
    }
    soon(() => {
      switch (random.below(4)) {
        case 0:
          return socket.terminate();
        case 1:
          return agent.destroy();
        default:
          return socket.close(1000);
      }
    });
  });
  await closed;
  agent.destroy();
}

beforeAll(async () => {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  server = https.createServer({ key, cert });
  new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } }).on('connection', serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
  world = await startProxyWorld({
    routes: () => [routeTo({ port, caPem })],
    config: { admin: { host: '127.0.0.1', port: 0 } },
  });
});
afterAll(async () => {
  await world.close();
  server.closeAllConnections();
  server.close();
});

test('WebSockets that are cut anywhere keep apart, and each has its record', {
  timeout: (FUZZ_SECONDS + 90) * 1000,
}, async () => {
  const asked = await playCutCalls(world, WORKERS, talk);
  console.log(`${opened} WebSockets, ${asked} asked, ${heard} messages, seed ${seed}`);
  expect(faults, `seed ${seed}`).toEqual([]);
  if (opened > 100) expect(heard).toBeGreaterThan(0);
});
