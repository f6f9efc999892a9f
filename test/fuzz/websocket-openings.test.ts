import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptFor } from '../../proxy/protocols/websocket/handshake.ts';
import { playCutCalls } from '../support/worlds/cut-calls.ts';
import { http2Agent } from '../support/agents/http2-agent.ts';
import { type Http2UpstreamServer, startHttp2Upstream } from '../support/upstreams/http2-upstream.ts';
import { markOf, OpeningAnswers, ownersOf } from '../support/upstreams/opening-answers.ts';
import { HOSTS, type ProxyWorld, route, SECRET, startProxyWorld } from '../support/worlds/proxy-world.ts';
import { seededRandom } from '../support/random.ts';
import type { RawAgent } from '../support/agents/raw-agent.ts';
import { FUZZ_SECONDS, FUZZ_SEED } from '../support/time-box.ts';
import { makeTlsIdentity } from '../support/tls-identity.ts';
import { until } from '../support/until.ts';
import { frame, hear } from '../support/protocols/websocket-frames.ts';

/**
 * Openings of WebSockets, right and wrong, answered right and wrong, and cut anywhere: an agent hears of an agreement only where
 * there was one, no call hears another or the secret, what stands in frames becomes no request, each call has one record.
 */
const WORKERS = 12;

const seed = FUZZ_SEED;
const random = seededRandom(seed);
const upstream = new OpeningAnswers(random);
let world: ProxyWorld;
let overHttp2: Http2UpstreamServer;
const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();
const ports: number[] = [];
let asked = 0;
let agreements = 0;

/** Mostly the first. */
function mostly<T>(first: T, ...others: readonly T[]): T {
  return random.below(25) > 0 ? first : random.pick(others);
}

const protocols = (): string | undefined =>
  random.pick([undefined, undefined, 'a', 'a, b', mostly('b', 'a, a', 'bearer.agents-own, a', 'no token', '')]);
const extensions = (): string | undefined =>
  random.pick([
    undefined,
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'x-other, permessage-deflate; server_max_window_bits=9',
    mostly('x-other', ';;', 'permessage-deflate; server_max_window_bits=99'),
  ]);

function opening(id: number, authority: string, form: string, key: string): string {
  const line = (name: string, value: string | undefined): string =>
    value === undefined ? '' : `${name}: ${value}\r\n`;
  const [framing, body] = mostly<readonly [string, string]>(
    ['', ''],
    ['Content-Length: 0\r\n', ''],
    ['Content-Length: 5\r\n', 'hello'],
    ['Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  );
  return [
    `${mostly('GET', 'POST', 'HEAD')} ${form}/${id} HTTP/${mostly('1.1', '1.0')}\r\nHost: ${authority}\r\n`,
    line('Upgrade', mostly<string | undefined>('websocket', 'WebSocket', 'h2c', 'websocket, h2c', '', undefined)),
    line(
      'Connection',
      mostly<string | undefined>(
        'Upgrade',
        'keep-alive, upgrade',
        'close, Upgrade',
        'close',
        'Upgrade, Sec-WebSocket-Key',
        undefined,
      ),
    ),
    line(
      'Sec-WebSocket-Key',
      mostly<string | undefined>(key, 'short', `${key}\r\nSec-WebSocket-Key: ${key}`, undefined),
    ),
    line(
      'Sec-WebSocket-Version',
      mostly<string | undefined>('13', '8', '13, 8', '13\r\nSec-WebSocket-Version: 13', undefined),
    ),
    line('Sec-WebSocket-Protocol', protocols()),
    line('Sec-WebSocket-Extensions', extensions()),
    line('Authorization', mostly<string | undefined>(undefined, 'Bearer agents-own')),
    line('Expect', mostly<string | undefined>(undefined, '100-continue')),
    framing,
    '\r\n',
    body,
  ].join('');
}

/** Unmasked, they would be requests. */
function frames(id: number): Buffer[] {
  const request = `GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n${markOf(id)}`;
  const one = (): Buffer =>
    random.pick([
      frame({ opcode: 1, payload: request, key: 0 }),
      frame({ opcode: 2, payload: request.repeat(random.pick([1, 900])), key: random.below(1 << 30) }),
      frame({ opcode: 9, payload: markOf(id), key: 7 }),
      frame({ opcode: 1, payload: 'a', fin: false, key: 0 }),
      mostly(frame({ opcode: 8, key: 0 }), frame({ opcode: 1, payload: request }), Buffer.from(request)),
    ]);
  return Array.from({ length: random.below(5) }, one);
}

function check(who: string, text: string, ids: ReadonlySet<string>): void {
  if (text.includes(SECRET)) upstream.faults.push(`the agent of ${who} heard the secret`);
  for (const owner of ownersOf(text)) if (!ids.has(owner)) upstream.faults.push(`the agent of ${who} heard ${owner}`);
}

/** The last call opens a WebSocket. */
async function talkHttp1(authority: string, agent: RawAgent, form: string): Promise<void> {
  const ids: number[] = [];
  const parts: Buffer[] = [];
  for (let left = random.below(3); left > 0; left -= 1) {
    ids.push((asked += 1));
    parts.push(Buffer.from(`GET ${form}/${asked} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`));
  }
  const id = (asked += 1);
  const key = randomBytes(16).toString('base64');
  const bytes = Buffer.concat([...parts, Buffer.from(opening(id, authority, form, key)), ...frames(id)]);
  const sent = random.below(5) > 0 ? bytes : bytes.subarray(0, random.below(bytes.length));
  const size = 1 + random.below(random.pick([20, 300, 100_000]));
  for (let at = 0; at < sent.length && !agent.socket.destroyed; at += size) {
    agent.send(sent.subarray(at, at + size));
    if (random.below(6) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  setTimeout(() => (random.below(3) > 0 ? agent.socket.end() : agent.destroy()), random.below(60));
  await agent.closed();
  const { received } = agent;
  const text = received.toString('latin1');
  check(String(id), text, new Set([...ids, id].map(markOf)));
  const agreement = /HTTP\/1\.1 101 [^]*?\r\n\r\n/.exec(text);
  agent.destroy();
  if (agreement === null) return;
  agreements += 1;
  if (upstream.agreed.get(String(id)) === false) upstream.faults.push(`${id}: nobody agreed`);
  if (!agreement[0].includes(`Sec-WebSocket-Accept: ${acceptFor(key)}\r\n`))
    upstream.faults.push(`${id}: ${agreement[0]}`);
  const { heard, error } = hear([Buffer.from(received.subarray(agreement.index + agreement[0].length))], {
    deflate: true,
  });
  if (error !== undefined || heard.some((one) => one.text.includes(SECRET)))
    upstream.faults.push(`${id} heard ${error}: ${JSON.stringify(heard)}`);
}

async function talkHttp2(session: http2.ClientHttp2Session, authority: string): Promise<void> {
  const one = async (): Promise<void> => {
    const id = (asked += 1);
    const opens = random.below(4) > 0;
    const offers = { 'sec-websocket-protocol': protocols(), 'sec-websocket-extensions': extensions() };
    const stream = session.request(
      opens
        ? {
            ':method': 'CONNECT',
            ':protocol': mostly('websocket', 'h2c', 'WebSocket'),
            ':scheme': 'https',
            ':authority': authority,
            ':path': `/${id}`,
            'sec-websocket-version': mostly('13', '8'),
            ...Object.fromEntries(Object.entries(offers).filter(([, value]) => value !== undefined)),
            ...mostly({}, { 'content-length': '0' }, { authorization: 'Bearer agents-own' }),
          }
        : { ':path': `/${id}` },
      { endStream: !opens },
    );
    const heard: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (bytes: Buffer) => heard.push(Buffer.from(bytes)));
    stream.on('response', (headers) => {
      check(String(id), JSON.stringify(headers), new Set([markOf(id)]));
      if (!opens || headers[':status'] !== 200) return;
      agreements += 1;
      if (upstream.agreed.get(String(id)) === false) upstream.faults.push(`${id}: nobody agreed`);
    });
    if (opens) for (const bytes of frames(id)) stream.write(bytes);
    setTimeout(() => stream.destroyed || (random.below(2) === 0 ? stream.end() : stream.close(8)), random.below(60));
    setTimeout(() => stream.close(8), 300).unref();
    if (!stream.closed) await once(stream, 'close').catch(() => {});
    check(String(id), Buffer.concat(heard).toString('latin1'), new Set([markOf(id)]));
  };
  await Promise.all(Array.from({ length: 1 + random.below(4) }, one));
  session.destroy();
}

async function talk(): Promise<void> {
  const plain = `api.test:${ports[0]}`;
  if (random.below(2) === 0) return talkHttp1(plain, await world.agent(), `http://${plain}`);
  const [host, port = 0] = random.pick([
    ['other.test', ports[1]],
    ['localhost', overHttp2.port],
  ] as const);
  const wantsHttp2 = random.below(2) === 0;
  const { agent, tls: secured } = await world.tlsAgent(host, port, wantsHttp2 ? { ALPNProtocols: ['h2'] } : {});
  if (!wantsHttp2) return talkHttp1(`${host}:${port}`, agent, '');
  secured.removeAllListeners('data');
  const session = http2Agent(secured, `${host}:${port}`);
  await once(session, 'remoteSettings');
  return talkHttp2(session, `${host}:${port}`);
}

beforeAll(async () => {
  const { key, cert, caPem } = makeTlsIdentity(HOSTS);
  const serve = (socket: net.Socket): void => {
    sockets.add(socket.once('close', () => sockets.delete(socket)));
    upstream.serve(socket);
  };
  for (const server of [net.createServer(serve), tls.createServer({ key, cert }, serve)]) {
    servers.push(server.on('tlsClientError', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as AddressInfo).port);
  }
  overHttp2 = await startHttp2Upstream(HOSTS, (stream, headers) => upstream.serveStream(stream, headers), {
    settings: { enableConnectProtocol: true },
  });
  const [httpPort = 0, httpsPort = 0] = ports;
  const verify = (pem: string) => ({ mode: 1, caPem: pem, serverName: '' }) as const;
  world = await startProxyWorld({
    routes: () => [
      route({ ports: [httpPort] }),
      route({ serverWorkload: 'tls', hosts: ['other.test'], ports: [httpsPort], tls: verify(caPem) }),
      route({ serverWorkload: 'h2', hosts: ['localhost'], ports: [overHttp2.port], tls: verify(overHttp2.caPem) }),
    ],
    config: {
      admin: { host: '127.0.0.1', port: 0 },
      // What an upstream does not end, once it was told the end, lasts as long as its connection (RFC 8441 section 5).
      limits: {
        headerTimeoutMs: 15_000,
        bodyIdleTimeoutMs: 3_000,
        responseTimeoutMs: 3_000,
        upstreamIdleTimeoutMs: 3_000,
      },
    },
  });
});
afterAll(async () => {
  await world.close();
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  await overHttp2.close();
});

test('openings of WebSockets, whatever they are and are answered', {
  timeout: (FUZZ_SECONDS + 90) * 1000,
}, async () => {
  await playCutCalls(world, WORKERS, talk);
  const { faults, opened } = upstream;
  console.log(`${asked} calls, ${agreements} agreements, ${opened} upstreams heard frames, seed ${seed}`);
  expect(faults.slice(0, 5), `seed ${seed}`).toEqual([]);
  await until('no stream stays open', () => upstream.streams.size === 0, 30_000);
  if (asked > 300) expect(Math.min(agreements, opened), 'it gets everywhere').toBeGreaterThan(0);
});
